"""The plan file: what it holds, how it is written back, what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixcomp_edge.errors import PlanError
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan, load_plan, plan_from_dict

TEXT = """
[default]
weights = "posit4"
granularity = "tensor"
act_bits = 8

[layers."b1a.conv"]
weights = "posit4sc4"

[layers.fc]
act_bits = 4
granularity = "channel"
"""
layer_changes = st.fixed_dictionaries(
    {},
    optional={
        "weights": st.sampled_from(
            ["fixp4", "posit4", "posit4sc4", "posit4sc8", "posit4e1", "posit", "e2m1", "nf4", "lut4", "int8"]
        ),
        "granularity": st.sampled_from(["channel", "tensor"]),
        "act_bits": st.sampled_from([4, 8]),
        "quantizer": st.sampled_from(["recipe", "learned", "mse", "entropy", "max", "std"]),
        "scale": st.sampled_from(["free", "pow2"]),
    },
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,20}", fullmatch=True)


def from_text(folder, text: str) -> QuantPlan:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return load_plan(path)


def test_a_layer_takes_from_the_default_what_it_does_not_say(tmp_path):
    plan = from_text(tmp_path, TEXT)
    assert plan.default == LayerPlan("posit4", "tensor", 8)
    assert plan["b1a.conv"] == LayerPlan("posit4sc4", "tensor", 8)
    assert plan["fc"] == LayerPlan("posit4", "channel", 4)
    assert plan["any other"] == plan.default


def test_a_layer_of_a_copy_differs_and_the_plan_stays():
    plan = QuantPlan(layers={"fc": {"act_bits": 8}})
    assert plan.with_layer("fc", weights="posit4")["fc"] == LayerPlan("posit4", act_bits=8)
    assert plan["fc"] == LayerPlan(act_bits=8)


def test_without_a_word_it_is_fixp4_by_channel_and_four_bits(tmp_path):
    assert from_text(tmp_path, "") == QuantPlan() == plan_from_dict({})
    assert QuantPlan()["any"] == LayerPlan("fixp4", "channel", 4)


def test_text_and_dictionary_come_back_as_they_went_in(tmp_path):
    plan = from_text(tmp_path, TEXT)
    assert from_text(tmp_path, plan.toml()) == plan
    assert from_text(tmp_path, plan.toml()).toml() == plan.toml()
    assert plan_from_dict(plan.as_dict()) == plan
    assert plan.as_dict() == {
        "default": {
            "weights": "posit4",
            "granularity": "tensor",
            "act_bits": 8,
            "quantizer": "recipe",
            "scale": "free",
        },
        "layers": {"b1a.conv": {"weights": "posit4sc4"}, "fc": {"act_bits": 4, "granularity": "channel"}},
    }


@given(default=layer_changes, layers=st.dictionaries(names, layer_changes, max_size=5))
def test_any_plan_survives_its_own_text(tmp_path_factory, default, layers):
    plan = QuantPlan(LayerPlan(**default), layers)
    assert from_text(tmp_path_factory.mktemp("plan"), plan.toml()) == plan


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a b", "", "é"])
def test_a_layer_of_any_name_survives_its_own_text(tmp_path, name):
    """A module path is any string that PyTorch takes; the text must quote it."""
    plan = QuantPlan(LayerPlan(), {name: {"act_bits": 8}})
    assert from_text(tmp_path, plan.toml()) == plan


WRONG = {
    '[default]\nweights = "int4"': r"unknown weight format 'int4'. Known formats: fixp4, posit4",
    '[default]\ngranularity = "row"': "granularity is 'row', expected 'channel' or 'tensor'",
    "[default]\nact_bits = 5": "act_bits is 5, expected 4 or 8",
    "[default]\nact_bits = true": "act_bits is True, expected 4 or 8",
    "[default]\nact_bits = 4.0": "act_bits is 4.0, expected 4 or 8",
    '[default]\nact_bits = "4"': "act_bits is '4', expected 4 or 8",
    '[default]\nquantizer = "minmax"': "quantizer is 'minmax', expected 'recipe' or one of learned, mse, entropy, max",
    '[default]\nscale = "2"': "scale is '2', expected 'free' or 'pow2'",
    "[default]\nbits = 4": "known keys are weights, granularity, act_bits",
    '[layers.fc]\nweights = "int4"': "plan .*plan.toml: layer 'fc': unknown weight format 'int4'",
    "[layers.fc]\nbits = 4": "plan .*plan.toml: layer 'fc': known keys are weights, granularity, act_bits",
    "[layers]\nfc = 4": "plan .*plan.toml: known keys are weights",
    '[layers]\nfc = "posit4"': "plan .*plan.toml: known keys are weights",
    "[layer.fc]\nact_bits = 4": r"unknown table 'layer'; known are \[default\] and \[layers",
    "default = 4": r"\[default\] and \[layers\] must be tables",
    "layers = []": r"\[default\] and \[layers\] must be tables",
    "[layers.fc]\nweights = 8": "layer 'fc': unknown weight format '8'",
    '[layers.fc]\nweights = "INT8"': "unknown weight format 'INT8'. Known formats: .*nf4, int8, lut4, posit",
    "[default\n": "plan .*plan.toml: ",
    "[default]\nweights = 4": "unknown weight format '4'",
    "[default]\nweights = []": "unknown weight format|weights",
    "[default]\ngranularity = {}": "granularity is {}, expected",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_plan_is_refused_with_what_is_known(tmp_path, text):
    with pytest.raises(PlanError, match=WRONG[text]):
        from_text(tmp_path, text)


def test_a_plan_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(PlanError, match=r"plan .*gone.toml: .*No such file"):
        load_plan(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b"[default]\nweights = '\xe9'")
    with pytest.raises(PlanError, match=r"plan .*latin.toml: "):
        load_plan(tmp_path / "latin.toml")
