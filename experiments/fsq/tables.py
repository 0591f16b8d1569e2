"""The paper's tables with ours beside them, as Markdown."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

HEAD = ("", "coded bits", "entropies", "nominal", "PSNR dB", "MSE", "BCE − floor", "rounding", "used", "perplexity")
PAPER_LEVELS = {"L3": (145.8, 0.256, 0.132), "L5": (137.6, 0.251, 0.121), "L8": (134.2, 0.245, 0.115),
                "L10": (132.5, 0.243, 0.113)}  # fmt: skip

FSQS = ("grid-fsq-8", "grid-fsq-12", "grid-uniform-12", "grid-residual-12")
VQS = ("grid-vq-8", "grid-vq-10", "grid-vq-12")
ONE_SCALE = ("one-scale", "one-scale-more")


def tables(summary: dict[str, Any]) -> str:
    """All tables of a summary (see run.py)."""
    runs = {name: [r for r in summary["runs"] if r["name"] == name] for name in _names(summary)}
    scale = summary["scale"]
    parts = [
        "# The FSQ paper's experiments at coded rate\n",
        f"Each row: {scale['steps']} steps of {scale['batch']} ({summary['epochs']} epochs), measured on the first "
        f"{scale['pictures']} test pictures; all trainings together took {summary['cpu_s'] / 60:.0f} minutes of one "
        "core. Coded bits are bytes of one stream of all test pictures under the learned prior, per picture; 64 "
        "pictures a stream cost a little more (`pack_bits` in the JSON). Entropies are those of each code channel's "
        "counts. Priors learn in training: after a short one they have not settled, and code may be longer than "
        "entropies, even than nominal. BCE − floor "
        "is in nats per subpixel over "
        "0.5474; rounding is the mean squared distance of latents from their level, in levels; used and perplexity are "
        "means over code channels. Where there are two seeds, both are given.\n",
        _section("Table 2: training strategies", runs, ("L8", "regularised", "annealed"), (
            "The paper: regularised training loss 0.1835, test 0.2102, FID 7.372; annealing 0.1928, 0.2191, 6.284. "
            "Not comparable: it does not say what loss that is (mean BCE of CIFAR-10 cannot go below 0.5474), nor the "
            "rate; its FIDs of 6 and 7 here and of 0.11 in table 3 cannot be of one metric."
        )),
        _section("Table 3: levels", runs, tuple(PAPER_LEVELS), (
            "The paper, reconstruction loss / quantisation loss / \"FID\": "
            + "; ".join(f"{k} {a} / {b} / {c}" for k, (a, b, c) in PAPER_LEVELS.items())
            + ". Not comparable: scale and units are not stated, and rates are not given. The order is the same: more "
            "levels, less error; at coded rate that is a curve, not a gain."
        )),
        _section("3.4: annealing", runs, ("L8", "annealed"), (
            "The paper: reconstruction loss stable at 135 to 136, quantisation loss growing. Its temperature is a grid "
            "step, so that the rate grows as it cools (81 levels at T = 0.1); ours is the softness of rounding."
        )),
        _section("3.5: adaptive levels", runs, ("L5", "adaptive", "L8"), (
            "The paper: reconstruction 0.2456 → 0.1905, quantisation loss 0.3059 → 0.1552 during training, no rate. "
            "Ours: levels of 1, 3, 5, 9 or 17 for each dimension, by distortion and rate, no side information."
        )),
        _ladder(summary),
        _section("3.6: hierarchical", runs, ("L8", "hierarchical"), (
            "The paper, reconstruction / quantisation / FID: baseline 0.2102 / 12.734 / 7.372, hierarchical 0.1958 / "
            "10.651 / 6.284. A residual FSQ of 4 × 2 levels is one quantiser of 8 levels: what it buys is that the "
            "first stage decodes alone."
        )),
        _first_stages(runs),
        _section("VQ-VAE", runs, ("L8", "vq-vae"), (
            "One vector for each picture cannot be coded by one codebook at this rate (it would need 2^150 vectors), "
            "so the baseline is residual VQ."
        )),
        _section("Corrected beside as written", runs, ("L8", "as-written", "as-written-cold"), (
            "What decodes from the codes alone. As written, even L gives one value more, T = 0.1 gives 81, and the "
            "encoder has no gradient from reconstruction."
        )),
        _section("FSQ beside VQ at equal numbers of codes", runs, (*FSQS, *VQS), (
            "Sixteen tokens a picture; the same nets, squared error. Either prior knows the joint distribution of "
            "a token and nothing around it: VQ's by a table over its vectors, FSQ's by guessing each dimension "
            "from those before it."
        )),
        _equal_rate(runs, FSQS, VQS, "VQ"),
        _section("One scale beside two", runs, ("two-scale", *ONE_SCALE), (
            "The same nets and squared error. Tokens go in groups, four fine ones and the coarse one above them, if "
            "there is one; the prior guesses each dimension of a group from those before it, coarse ones first."
        )),
        _equal_rate(runs, ("two-scale",), ONE_SCALE, "one scale"),
        _baselines(summary),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def _section(title: str, runs: dict[str, list[dict[str, Any]]], names: Sequence[str], remark: str) -> str:
    if not any(runs.get(name) for name in names):
        return ""
    lines = [f"## {title}\n", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for name in names:
        for r in runs.get(name, []):
            rounding = "" if r["quantisation_mse"] is None else f"{r['quantisation_mse']:.4f}"
            cells = (f"{name}: {r['what']}, seed {r['seed']}", f"{r['stream_bits']:.1f}", f"{r['entropy_bits']:.1f}",
                     f"{r['nominal_bits']:.0f}", f"{r['psnr_db']:.2f}", f"{r['mse']:.5f}", f"{r['bce_over_floor']:.4f}",
                     rounding, f"{r['used']:.2f}", f"{r['perplexity']:.2f}")  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
            lines += [f"| Fréchet distance by {n} | {d:.3f} |" + " |" * 8 for n, d in r["frechet"].items()]
    if missing := [name for name in names if not runs.get(name)]:
        lines += ["", f"Not trained in this run: {', '.join(missing)}."]
    return "\n".join([*lines, "", remark, ""])


def _ladder(summary: dict[str, Any]) -> str:
    """Levels per picture: fixed rungs of one net beside a choice, and what the fixed ones give at the same bits."""
    found = summary["ladder"]
    if found is None:
        return ""
    fixed = [(r["stream_bits"], r["psnr_db"]) for r in found["fixed"]]
    rows = [(f"all pictures on {r['levels']} levels", r) for r in found["fixed"]]
    rows += [(f"least D + {r['price']:g} · bits", r) for r in found["chosen"]]
    rows.append(("by mean gradient, quartiles of training pictures", found["by_complexity"]))
    lines = [
        "### For each picture\n",
        "| levels of a picture | coded bits | PSNR dB | fixed levels at these bits, dB | pictures on 3, 5, 9, 17 |",
        "|---|---|---|---|---|",
    ]
    for name, r in rows:
        between = at_rate(fixed, r["stream_bits"])
        lines.append(
            f"| {name} | {r['stream_bits']:.1f} | {r['psnr_db']:.2f} | {'' if between is None else f'{between:.2f}'} | "
            f"{', '.join(map(str, r['pictures']))} |"
        )
    lines += [
        "",
        "One net for all rungs, trained on rungs drawn at random; the two bits that name a picture's rung are in its "
        "coded bits, in rows of fixed levels, too. D is the squared error of a picture summed over its subpixels. "
        "Fixed levels at these bits: between the rows of fixed levels of this net.",
        "",
    ]
    return "\n".join(lines)


def _first_stages(runs: dict[str, list[dict[str, Any]]]) -> str:
    """What the first stage of a hierarchy gives alone."""
    found = [r for rows in runs.values() for r in rows if r["first_stage"] is not None]
    lines = ["| decoded | coded bits | PSNR dB |", "|---|---|---|"]
    for r in found:
        bits, psnr_db = r["first_stage"]
        lines.append(f"| {r['name']}, first stage alone, seed {r['seed']} | {bits:.1f} | {psnr_db:.2f} |")
        lines.append(f"| {r['name']}, both, seed {r['seed']} | {r['stream_bits']:.1f} | {r['psnr_db']:.2f} |")
    return "\n".join([*lines, ""]) if found else ""


def _equal_rate(runs: dict[str, list[dict[str, Any]]], names: Sequence[str], others: Sequence[str], what: str) -> str:
    """Rows beside what straight lines between other rows of the same seed give at their rate, where they reach it."""
    lines = [f"| at equal coded rate | bits | PSNR dB | {what} there, dB | difference |", "|---|---|---|---|---|"]
    for r in (r for name in names for r in runs.get(name, [])):
        curve = sorted(
            (o["stream_bits"], o["psnr_db"]) for name in others for o in runs.get(name, []) if o["seed"] == r["seed"]
        )
        if (other := at_rate(curve, r["stream_bits"])) is not None:
            lines.append(
                f"| {r['name']}, seed {r['seed']} | {r['stream_bits']:.1f} | {r['psnr_db']:.2f} | {other:.2f} | "
                f"{r['psnr_db'] - other:+.2f} |"
            )
    if len(lines) == 2:
        return ""
    return "\n".join([*lines, "", f"Straight lines between the rows of {what} with the same seed.", ""])


def at_rate(points: Sequence[tuple[float, float]], rate: float) -> float | None:
    """PSNR at a rate, on straight lines between points in order of rate; None outside them."""
    for (low, a), (high, b) in pairwise(points):
        if low <= rate <= high:
            return a + (b - a) * (rate - low) / (high - low)
    return None


def _baselines(summary: dict[str, Any]) -> str:
    bounds = summary["bounds"]
    lines = ["## Beside other codecs\n", "| codec | setting | bits a picture | PSNR dB |", "|---|---|---|---|"]
    for row in summary["baselines"]:
        lines.append(f"| {row['codec']} | {row['setting']} | {row['bits']:.1f} | {row['psnr_db']:.2f} |")
    gaussian = ", ".join(f"{rate} bits {db:.2f}" for rate, db in bounds["gaussian_db"].items())
    lines += [
        "",
        "A sheet has up to 900 pictures side by side in one file, so that headers do not count; codecs may look across "
        "the seams, which packs of tokens do not.",
        "",
        f"Floors in dB: the mean picture {bounds['mean_picture_db']:.2f}; 64 principal components, unquantised, "
        f"{bounds['pca64_db']:.2f}. Reverse water-filling of a Gaussian with the training pictures' covariance: "
        f"{gaussian}.",
        "",
    ]
    return "\n".join(lines)


def _names(summary: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(r["name"] for r in summary["runs"]))
