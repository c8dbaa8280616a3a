"""Rules that can be checked automatically: imports, public names, and forbidden code."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import floors
import pytest
from forks import Forks

ROOT = Path(__file__).resolve().parents[1]
COMPUTE = sorted((ROOT / "workbench").rglob("*.py"))
VIEWS = sorted((ROOT / "widgets").rglob("*.py"))
MODULES = COMPUTE + VIEWS

# New public names are deliberate: they are added to the package and here.
PUBLIC = {
    "workbench": [
        *("Dataset", "Recorder", "replay", "import_run", "open_run", "Run", "Journal", "Evidence", "SCORES", "score"),
        *("find_issues", "cross_val_predict", "ensemble", "confusion_matrix", "duplicates", "outliers", "audit"),
        *("review_queue", "export", "report", "figure", "compare"),
        *("neighbors", "project", "embed_texts"),
        *("confident", "demonstrations", "errors", "experiments", "graphs", "ranking", "review", "spans", "tags"),
        *("texts", "vision"),
    ],
    "workbench.confident": [
        *("thresholds", "confident_joint", "calibrate_joint", "joint", "estimate_noise", "noise_matrix"),
        *("inverse_noise_matrix", "class_priors", "num_issues", "find_label_issues", "rank", "threshold_adjusted"),
        *("label_health", "class_health", "overlapping_classes", "noise_report"),
        *("tag_scores", "tag_quality", "tag_joints", "tag_noise", "find_tag_issues", "find_tagged_examples"),
        *("token_scores", "sentence_scores", "find_token_issues", "lowest_tokens", "common_token_issues"),
        *("box_scores", "box_image_scores", "find_box_issues"),
        *("pixel_scores", "mask_image_scores", "find_pixel_issues", "common_pixel_issues"),
        *("residual_scores", "outre_scores"),
        *("candidate_mass", "candidate_weights", "purify_candidates", "candidate_sets", "candidates_from_votes"),
    ],
    "workbench.experiments": [
        *(
            "compare_rankings",
            "compare_runs",
            "detect_out_of_fold",
            "digit_canvases",
            "keep_curve",
            "graph_cleaner",
            "plant_box_errors",
            "plant_errors",
            "planted_report",
            "restore_pairing",
            "robust",
            "sample_weights",
            "select",
            "simulate",
            "suggest",
            "StoredPredictions",
        ),
    ],
    "workbench.graphs": [
        *("Edges", "label_histograms", "linked_bayes", "propagate_labels", "read_edges", "save_edges"),
        *("denoise_labels", "edge_issues", "pair_evidence", "smooth_features"),
    ],
    "workbench.tags": [
        *("proposals", "fill_unknown", "prompt_probabilities", "metrics", "METHODS", "train", "cross_val_predict"),
        *("refine_tags", "neighbor_votes", "smooth_tags", "match_descriptions", "link_tags", "invalid_tags"),
        *("tag_rules", "set_gaps", "cooccurrence_only", "region_tags", "crop_tags", "aggregate_patches"),
        *("boost_attribution", "part_support", "masking_effect", "overlay", "trail_recall", "never_retrieved"),
        *("rank_relevance", "replay_pseudo_labels"),
    ],
    "workbench.ranking": [
        *(
            "cascade",
            "compare_metrics",
            "compare_sources",
            "list_view",
            "metrics",
            "read_run",
            "repair_grades",
            "rank_jointly",
        ),
        *(
            "run_differences",
            "search_corpus",
            "write_run",
            "pairwise_strengths",
            "preference_issues",
            "reward_rows",
            "write_preferences",
            "corrected_pairs",
            "position_bias",
            "swapped_repeats",
        ),
    ],
    "workbench.vision": [
        *("average_precision", "compare_detections", "efficientnet", "rank_answers", "rank_detectors"),
        *("read_detections", "write_detections"),
        *("box_loss", "boxes_to_points", "odd_boxes", "points_outside", "points_to_boxes", "stage_flips"),
        *("candidate_recall", "combine_seeds", "compare_masks", "fuse_masks", "mask_metrics"),
        *(
            "mask_scores",
            "masks_from_weak_labels",
            "merge_parts",
            "pixel_thresholds",
            "propagate_by_similarity",
            "repair_by_region",
        ),
        *("sample_masks", "snap_to_proposals", "superpixels", "unlikely_classes", "weight_pseudo_masks"),
        *("choose_boxes", "choose_candidates", "cluster_identities", "drop_unsupported_texts", "exclusive_maps"),
        *("embed_objects", "project_objects"),
        *("export_soft_labels", "fuse_detections", "identity_quality", "label_by_names", "likelihood_table"),
        *("match_attributes", "match_class_names", "merge_coco", "pointing_accuracy", "polygon_issues"),
        *("quality_by_ignored", "query_overlap", "read_open_detections", "soft_labels", "tags_against_masks"),
    ],
    "workbench.demonstrations": [
        *("read_log", "neighbor_log", "blame_scores", "attention_blame", "demonstration_issues", "repair_labels"),
        *("accuracy_by", "flip_curve", "following_rate", "rewrite_labels", "order_variance", "choose_demonstrations"),
        *("prompt_block", "retrieved_contexts", "deciding_demonstrations"),
    ],
    "workbench.spans": [
        *("mark_spans", "read_marked", "candidate_positions", "place_spans", "propagate_tags", "voted_spans"),
        *("form_conflicts", "compare_versions", "read_corrections", "apply_edits", "correction_scores", "move_spans"),
        *("map_types", "entity_overlap", "merge_schemes", "nearest_types", "compare_predictions", "domain_overlap"),
    ],
    "workbench.review": [
        *("add_class", "agreement", "annotator_quality", "consensus", "read_votes", "review_pace", "save_votes"),
        "slices",
    ],
}
NEVER_IN_COMPUTE = {"widgets", "anywidget", "IPython", "ipywidgets", "notebook", "jupyterlab"}
ONLY_INSIDE_FUNCTIONS = {"torch", "umap", "plotly", "sklearn", "lightning", "transformers", "numba", "pynndescent"}
# Callbacks are subclasses of framework classes; these two modules are imported only by users of the framework.
AT_TOP = {
    "workbench/recording/callbacks/lightning.py": {"lightning"},
    "workbench/recording/callbacks/huggingface.py": {"transformers"},
}
NEVER = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
MOST_LINES = 500


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(node: ast.AST) -> list[str]:
    """Return the top-level packages that an import statement imports (relative imports are our own)."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module.split(".")[0]]
    return []


def when_imported(tree: ast.Module):
    """Yield nodes that are executed on import: not function bodies or `if TYPE_CHECKING:`."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


@functools.cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Every module with its code."""
    return [(path, floors.parsed(path.read_text(encoding="utf-8"))) for path in MODULES]


def test_compute_never_imports_views():
    wrong = []
    for path, tree in modules():
        found = {name for node in floors.nodes(tree) for name in imported(node)} & NEVER_IN_COMPUTE
        if path in COMPUTE and found:
            wrong.append(f"{name_of(path)} imports {found}: imports run notebooks -> widgets -> workbench")
    assert not wrong, "\n".join(wrong)


def test_heavy_packages_are_imported_where_used():
    wrong = []
    for path, tree in modules():
        found = {name for node in when_imported(tree) for name in imported(node)} & ONLY_INSIDE_FUNCTIONS
        if found := found - AT_TOP.get(path.relative_to(ROOT).as_posix(), set()):
            wrong.append(f"{name_of(path)} imports {found} at its top: move it into the function that needs it")
    assert not wrong, "\n".join(wrong)


def unwanted(path: Path, tree: ast.Module) -> Iterator[str]:
    """Return a line for each piece of forbidden code."""
    for node in floors.nodes(tree):
        yield from (f"imports {name}" for name in imported(node) if name in NEVER)
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            if broad and all(isinstance(part, ast.Pass) for part in node.body):
                yield f"line {node.lineno}: except: pass"
        if not isinstance(node, ast.Call):
            continue
        called = floors.dotted(node.func)
        asked = (one for one in node.keywords if one.arg in ("allow_pickle", "weights_only"))
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in asked}
        if called == "print" and path.name != "cli.py":
            yield f"line {node.lineno}: print()"
        if called in ("eval", "exec") or called.endswith(("read_pickle", "to_pickle", "yaml.load")):
            yield f"line {node.lineno}: {called}()"
        if keywords.get("allow_pickle", "False") != "False":
            yield f"line {node.lineno}: allow_pickle={keywords['allow_pickle']}"
        if called == "torch.load" and keywords.get("weights_only") != "True":
            yield f"line {node.lineno}: torch.load without weights_only=True"


def test_code_that_nobody_wants():
    """No pickle in any form, no unchecked torch.load, no eval, no swallowed errors, no printing except in cli.py."""
    wrong = [f"{name_of(path)} {line}" for path, tree in modules() for line in unwanted(path, tree)]
    assert not wrong, "\n".join(wrong)


def test_modules_say_what_they_are_and_stay_readable():
    wrong = []
    for path, tree in modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if not ast.get_docstring(tree):
            wrong.append(f"{name_of(path)} has no docstring")
        if lines > MOST_LINES:
            wrong.append(f"{name_of(path)} has {lines} lines, more than {MOST_LINES}: split it by concept")
        if path.stem in ("utils", "util", "helpers", "misc"):
            wrong.append(f"{name_of(path)}: name it after its concept")
    assert not wrong, "\n".join(wrong)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    heavy = ONLY_INSIDE_FUNCTIONS | NEVER_IN_COMPUTE | {"pandas", "numpy", "scipy", "pyarrow", "matplotlib"}
    code = f"import sys, workbench; print(sorted({heavy!r} & set(sys.modules)))"
    assert run(code) == "[]"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Processes that have imported what our modules import from others, and none of ours."""
    made = Forks(
        "import numpy, pandas, scipy.special, scipy.stats, scipy.spatial, scipy.optimize, pyarrow.parquet, PIL.Image,"
        " sqlite3; assert not {'workbench', 'widgets'} & set(sys.modules)"
    )
    yield made
    made.close()


@pytest.mark.parametrize("package", sorted(PUBLIC))
def test_public_names_are_the_written_list(package, forks):
    """Each package is imported first in a process of its own."""
    child = forks.start(f"import {package} as p; print(sorted(p.__all__)); [getattr(p, name) for name in p.__all__]")
    said = child.stdout.read()
    assert child.wait() == 0, child.errors()
    assert ast.literal_eval(said) == sorted(PUBLIC[package])


def test_importing_a_module_never_hides_the_public_name(forks):
    """`workbench.score` is a function and `workbench.review` a module, whatever was imported before."""
    code = (
        f"packages = {sorted(PUBLIC)}"
        + """
import importlib, types, workbench
from workbench.foundation.lazy import path_of
for package in packages:
    whole = importlib.import_module(package)
    for name, home in getattr(whole, "HOMES", {}).items():
        importlib.import_module(path_of(package, home))
        assert isinstance(getattr(whole, name), types.ModuleType) == home.startswith("."), name
        exec(f"from {package} import {name} as found")
        assert found is getattr(whole, name)
"""
    )
    child = forks.start(code)
    assert child.wait() == 0, child.errors()


def test_an_unknown_public_name_is_an_attribute_error():
    import workbench

    with pytest.raises(AttributeError, match="no attribute 'nonsense'; public names: "):
        workbench.nonsense  # noqa: B018


def tracked() -> list[Path]:
    """Return the text files of the project (from git, if it is a checkout)."""
    try:
        found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        paths = [ROOT / name for name in found.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [*ROOT.glob("*.*"), *ROOT.glob("Makefile"), *(ROOT / "tests").rglob("*.py"), *MODULES]
    texts = {".py", ".js", ".css", ".md", ".toml", ".txt", ".ipynb", ".json", ".html", ".yml", ".cfg", ""}
    return [path for path in paths if path.suffix in texts and path.is_file()]


def test_no_registry_or_cdn_and_no_paths_of_one_machine():
    """Everything works offline and on other machines; users choose the source of packages."""
    hosts = [
        "pypi.",
        "files.python" + "hosted.",
        "registry.npm" + "js.",
        "download.py" + "torch.",
        "jsdelivr",
        "cdnjs.",
    ]
    hosts += ["unpkg.", "esm." + "sh", "skypack.", "conda.anaconda.", "fonts.google" + "apis."]
    pattern = re.compile("|".join(re.escape(host) for host in hosts).replace(r"pypi\.", r"pypi\.(?:org|python)"))
    machine = re.compile(r"(?<![\w./-])/(?:work|root|home/\w+|Users/\w+)/")
    found = []
    for path in tracked():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line) or machine.search(line):
                found.append(f"{name_of(path)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


def test_tests_are_not_packages():
    assert not list((ROOT / "tests").rglob("__init__.py")), "--import-mode=importlib wants no __init__.py in tests"


def test_every_direct_dependency_is_pinned_within_its_range():
    """For each supported Python; markers of constraints.txt are evaluated for it."""
    requirements = pytest.importorskip("packaging.requirements")
    if sys.version_info < (3, 11):
        tomllib = pytest.importorskip("tomli", reason="Python 3.10 has no TOML reader of its own")
    else:
        import tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [line for lines in project["optional-dependencies"].values() for line in lines]
    wanted = [requirements.Requirement(line) for line in wanted if not line.startswith("label-workbench")]
    lines = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = [requirements.Requirement(line) for line in lines if line]
    for python in ("3.10", "3.11", "3.12", "3.13"):
        here = {"python_version": python, "python_full_version": f"{python}.0"}
        pinned = {pin.name: str(pin.specifier)[2:] for pin in pins if not pin.marker or pin.marker.evaluate(here)}
        needed = [need for need in wanted if not need.marker or need.marker.evaluate(here)]
        for need in (need for need in needed if "==" not in str(need.specifier)):
            assert need.specifier.contains(pinned.get(need.name, "0")), f"Python {python}: {need}"


def test_lint():
    """Ruff with the settings of pyproject.toml, so that `make test` finds the same as `make check`."""
    pytest.importorskip("ruff", reason="needs ruff (in the test extra)")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
