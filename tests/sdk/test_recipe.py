"""The training recipe: every entry, its range, its file."""

import json
from dataclasses import FrozenInstanceError

import pytest

from mixcomp_edge.errors import RecipeError
from mixcomp_edge.train.recipe import Recipe, load_recipe

RANGES = {  # lowest, highest
    "epochs": (0, 100_000), "batch_size": (1, 1_000_000), "lr": (0.0, 10.0), "lr_step": (0.0, 10.0),
    "weight_decay": (0.0, 1.0), "warmup": (0.0, 1.0), "distill": (0.0, 1.0), "temperature": (0.1, 100.0),
    "dampen": (0.0, 1.0), "features": (0.0, 100.0), "seed": (0, 2**63 - 1),
    "threads": (0, 1024),
}  # fmt: skip
CHOICES = {
    "quantizer_even": ("learned", "mse", "entropy", "max", "std"),
    "quantizer_uneven": ("learned", "mse", "entropy", "max", "std"),
    "estimator": ("straight", "tanh", "tanh_as_printed", "linear"),
}
SWITCHES = ("augment", "reconstruct")
WHOLE = ("epochs", "batch_size", "seed", "threads")


def written(folder, text: str):
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_entries_are_these():
    assert sorted(Recipe().as_dict()) == sorted([*RANGES, *CHOICES, *SWITCHES])


@pytest.mark.parametrize("key", RANGES)
def test_both_ends_of_a_range_are_allowed_and_no_more(key):
    low, high = RANGES[key]
    beyond = 1 if key in WHOLE else 1e-9
    assert getattr(Recipe(**{key: low}), key) == low
    assert getattr(Recipe(**{key: high}), key) == high
    for value in (low - beyond, high + beyond if key not in WHOLE else high + 1):
        with pytest.raises(RecipeError, match=rf"recipe: {key} = .*, expected a number from {low} to"):
            Recipe(**{key: value})


@pytest.mark.parametrize("value", [True, "4", None, [4], float("nan"), float("inf")])
@pytest.mark.parametrize("key", RANGES)
def test_what_is_no_number_is_refused(key, value):
    with pytest.raises(RecipeError, match=f"recipe: {key} = "):
        Recipe(**{key: value})


@pytest.mark.parametrize("key", WHOLE)
def test_what_counts_is_a_whole_number(key):
    with pytest.raises(RecipeError, match=rf"recipe: {key} = 2.5, expected a whole number"):
        Recipe(**{key: 2.5})
    with pytest.raises(RecipeError, match=rf"recipe: {key} = 2.0, expected a whole number"):
        Recipe(**{key: 2.0})


@pytest.mark.parametrize("key", CHOICES)
def test_a_choice_is_one_of_those_known(key):
    for value in CHOICES[key]:
        assert getattr(Recipe(**{key: value}), key) == value
    with pytest.raises(RecipeError, match=rf"recipe: {key} = 'other', expected one of {', '.join(CHOICES[key])}"):
        Recipe(**{key: "other"})


@pytest.mark.parametrize("value", [1, 0, "true", None])
@pytest.mark.parametrize("key", SWITCHES)
def test_a_switch_is_true_or_false(key, value):
    with pytest.raises(RecipeError, match=f"recipe: {key} = .*, expected true or false"):
        Recipe(**{key: value})


def test_a_recipe_comes_back_from_its_dictionary_and_from_its_file(tmp_path):
    recipe = Recipe(epochs=7, batch_size=32, lr=0.25, lr_step=0.125, weight_decay=0.5, warmup=0.0, distill=1.0,
                    temperature=4.0, dampen=0.5,
                    augment=False, reconstruct=True, quantizer_even="entropy", quantizer_uneven="max", estimator="tanh",
                    seed=2**63 - 1, threads=2)  # fmt: skip
    assert Recipe(**recipe.as_dict()) == recipe
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in recipe.as_dict().items())
    assert load_recipe(written(tmp_path, text)) == recipe


def test_a_file_changes_only_what_it_says(tmp_path):
    base = Recipe(epochs=9, lr=0.5)
    assert load_recipe(written(tmp_path, "lr = 0.25\n"), base) == Recipe(epochs=9, lr=0.25)
    assert load_recipe(written(tmp_path, "")) == Recipe()


def test_with_changes_what_is_not_none():
    assert Recipe().with_(epochs=0, lr=None, seed=3) == Recipe(epochs=0, seed=3)
    with pytest.raises(RecipeError, match="recipe: epochs = -1"):
        Recipe().with_(epochs=-1)


def test_the_built_in_recipes_have_names_and_leave_a_task_its_epochs():
    task = Recipe(epochs=9, batch_size=7, seed=5)
    paper, best = load_recipe("paper", task), load_recipe("best", task)
    assert (paper.quantizer_even, paper.quantizer_uneven, paper.estimator) == ("entropy", "max", "tanh")
    assert (paper.distill, best.quantizer_even, best.quantizer_uneven) == (0.0, "learned", "learned")
    calibrate = load_recipe("calibrate", task)
    assert calibrate.reconstruct
    assert (calibrate.distill, calibrate.features, calibrate.epochs, calibrate.seed) == (1.0, 1.0, 9, 5)
    for recipe in (paper, best):
        assert (recipe.epochs, recipe.batch_size, recipe.seed) == (9, 7, 5)
    with pytest.raises(RecipeError, match="recipe papers: No such file; built-in recipes are best, calibrate, paper"):
        load_recipe("papers")


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        Recipe().epochs = 5


def test_a_wrong_file_is_named(tmp_path):
    for text, message in {
        "epoch = 4": r"recipe .*recipe.toml: unknown key 'epoch'. Known keys: epochs, batch_size, lr",
        "epochs = ": r"recipe .*recipe.toml: ",
        "[training]\nepochs = 4": "unknown key 'training'",
        "epochs = 1e9": "recipe .*recipe.toml: epochs = 1000000000.0, expected",
        "lr = nan": "recipe .*recipe.toml: holds the number nan",
    }.items():
        with pytest.raises(RecipeError, match=message):
            load_recipe(written(tmp_path, text))
    with pytest.raises(RecipeError, match=r"recipe .*gone.toml: .*No such file"):
        load_recipe(tmp_path / "gone.toml")
