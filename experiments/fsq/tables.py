"""The paper's tables with ours beside them, as Markdown."""

from collections.abc import Sequence
from typing import Any

HEAD = ("", "coded bits", "nominal", "PSNR dB", "MSE", "BCE − floor", "rounding", "used", "perplexity")
PAPER_LEVELS = {"L3": (145.8, 0.256, 0.132), "L5": (137.6, 0.251, 0.121), "L8": (134.2, 0.245, 0.115),
                "L10": (132.5, 0.243, 0.113)}  # fmt: skip


def tables(summary: dict[str, Any]) -> str:
    """All tables of a summary (see run.py)."""
    runs = {name: [r for r in summary["runs"] if r["name"] == name] for name in _names(summary)}
    scale = summary["scale"]
    parts = [
        "# The FSQ paper's experiments at coded rate\n",
        f"Each row: {scale['steps']} steps of {scale['batch']} ({summary['epochs']} epochs), measured on the first "
        f"{scale['pictures']} test pictures; all trainings together took {summary['cpu_s'] / 60:.0f} minutes of one "
        "core. Coded bits are bytes of one stream of all test pictures under the learned prior, per picture; 64 "
        "pictures a stream cost a little more (`pack_bits` in the JSON). Priors learn in training: after a short one "
        "they have not settled, and code may be longer than entropy (`entropy_bits`), even than nominal. BCE − floor "
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
            "Ours: levels of 1, 3, 5, 9 or 17 for each dimension, by distortion and rate, no side information. The "
            "choice per picture is in `quantizers.ladder`, not in this table."
        )),
        _section("3.6: hierarchical", runs, ("L8", "hierarchical"), (
            "The paper, reconstruction / quantisation / FID: baseline 0.2102 / 12.734 / 7.372, hierarchical 0.1958 / "
            "10.651 / 6.284. A residual FSQ of 4 × 2 levels is one quantiser of 8 levels: what it buys is that the "
            "first stage decodes alone."
        )),
        _section("VQ-VAE", runs, ("L8", "vq-vae"), (
            "One vector for each picture cannot be coded by one codebook at this rate (it would need 2^150 vectors), "
            "so the baseline is residual VQ."
        )),
        _section("Corrected beside as written", runs, ("L8", "as-written", "as-written-cold"), (
            "What decodes from the codes alone. As written, even L gives one value more, T = 0.1 gives 81, and the "
            "encoder has no gradient from reconstruction."
        )),
        _section("FSQ beside VQ at equal numbers of codes", runs,
                 ("grid-fsq-8", "grid-vq-8", "grid-fsq-12", "grid-vq-12"),
                 "Sixteen tokens a picture; the same nets and the same factorised prior, squared error."),
        _baselines(summary),
    ]  # fmt: skip
    return "\n".join(parts)


def _section(title: str, runs: dict[str, list[dict[str, Any]]], names: Sequence[str], remark: str) -> str:
    lines = [f"## {title}\n", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for name in names:
        for r in runs.get(name, []):
            rounding = "" if r["quantisation_mse"] is None else f"{r['quantisation_mse']:.4f}"
            cells = (f"{name}: {r['what']}, seed {r['seed']}", f"{r['stream_bits']:.1f}", f"{r['nominal_bits']:.0f}",
                     f"{r['psnr_db']:.2f}", f"{r['mse']:.5f}", f"{r['bce_over_floor']:.4f}", rounding,
                     f"{r['used']:.2f}", f"{r['perplexity']:.2f}")  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
            lines += [f"| Fréchet distance by {n} | {d:.3f} |" + " |" * 7 for n, d in r["frechet"].items()]
    if missing := [name for name in names if not runs.get(name)]:
        lines += ["", f"Not trained in this run: {', '.join(missing)}."]
    return "\n".join([*lines, "", remark, ""])


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
