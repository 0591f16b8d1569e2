"""The documentation site: `make docs`. Pages are those of docs/ and experiments/, and what the docstrings say."""

import click
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import roundel
from roundel.cli.main import group

project = "roundel"
copyright = "the authors of roundel, MIT licence"
version = release = roundel.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]

# The root of the repository is the root of the site, so that links between pages and to files hold here and there.
root_doc = "docs/index"
include_patterns = ["docs/*.md", "experiments/*/README.md", "*.md"]
exclude_patterns = [".*", "out", "build", "dist", "src", "tests", "web", "runs", "data"]

html_theme = "furo"
html_title = "roundel"
html_extra_path = ["site/index.html"]
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False

myst_heading_anchors = 4
smartquotes = False

nitpicky = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_use_rtype = False
doctest_global_setup = """
import numpy as np
import torch
from roundel import *
from roundel import load_tokenizer
from roundel.plugins.numcodecs import Roundel
from roundel.plugins.zarr import RoundelCodec
"""

WIDTH = 90
"""Columns of help pages."""


class HelpPages(SphinxDirective):
    """What `roundel COMMAND --help` prints, a section for each command."""

    def run(self) -> list[nodes.Node]:
        context = click.Context(group, info_name="roundel", terminal_width=WIDTH)
        found = [("roundel", context)]
        for name in group.list_commands(context):
            found += _pages(group.get_command(context, name), name, context)
        return [self._page(name, one) for name, one in found]

    def _page(self, name: str, context: click.Context) -> nodes.Node:
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title(name, name)
        text = context.get_help()
        section += nodes.literal_block(text, text, language="text")
        return section


def _pages(command: click.Command, name: str, parent: click.Context) -> list[tuple[str, click.Context]]:
    """A command and its own commands, with their contexts."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
    below = command.list_commands(context) if isinstance(command, click.Group) else []
    inner = [page for one in below for page in _pages(command.get_command(context, one), one, context)]
    return [(context.command_path, context), *inner]


def _no_types(app, what, name, obj, options, lines):
    """What stands before a colon in the docstring of a property is not its type, as Napoleon would have it."""
    if what == "property":
        lines[:0] = ["..", ""]  # an empty comment, for Napoleon to look at


def setup(app):
    """See Sphinx."""
    app.add_directive("help-pages", HelpPages)
    app.connect("autodoc-process-docstring", _no_types, priority=100)
