"""Any values that the Helm chart's schema allows render valid objects, or are refused in one sentence."""

import json
import re
import string

import kubernetes_validate
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.config.chart import CHART, ChartError, render
from tests.config.policy import violations

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
#: Values that the schema passes on to Kubernetes as they are. They are tested by example.
PASSED_ON = {
    *("global", "strategy", "affinity", "livenessProbe", "tolerations", "topologySpreadConstraints"),
    *("extraEnv", "shopFrom", "metricsFrom", "accessFrom"),
}
TEXT = st.text(string.ascii_letters + string.digits + " .:/'\"#{}%&*-_|>\\", max_size=20)


def values(schema: dict, *, in_list: bool = False) -> st.SearchStrategy:
    """Return a strategy for everything that a schema allows.

    Any of an object's values may be absent, because the chart has defaults for all of them. Only ``in_list`` there are
    no defaults.
    """
    if "$ref" in schema:
        return values(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]], in_list=in_list)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "oneOf" in schema:
        return st.one_of(map(values, schema["oneOf"]))
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "string" if "pattern" in schema:
            longest = schema.get("maxLength", 50)
            pattern = schema["pattern"].removesuffix("$") + r"\Z"
            ascii_only = st.characters(codec="ascii")
            return st.from_regex(pattern, alphabet=ascii_only).filter(lambda text: len(text) <= longest)
        case "string":
            return TEXT.filter(lambda text: len(text) >= schema.get("minLength", 0))
        case "array":
            size = {"min_size": schema.get("minItems", 0), "max_size": min(3, schema.get("maxItems", 3))}
            unique = str if schema.get("uniqueItems") else None
            return st.lists(values(schema["items"], in_list=True), **size, unique_by=unique)
        case "object" if "properties" in schema:
            known = {key: values(each) for key, each in schema["properties"].items() if key not in PASSED_ON}
            required = {key: known.pop(key) for key in schema.get("required", []) if in_list}
            return st.fixed_dictionaries(required, optional=known)
    return st.dictionaries(st.from_regex(r"\A[a-z]{1,9}\Z"), values(schema["additionalProperties"]), max_size=2)


#: Without shrinking, because Helm takes a while for each set of values.
FEW = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


def check(given_values: dict) -> None:
    """Fail if the chart neither renders valid objects nor refuses the values in one sentence."""
    try:
        objects = render(given_values)
    except ChartError as error:
        refused = error
    else:
        assert violations(objects) == []
        # test_chart_monitoring_operators.py checks the types of operators.
        for each in (each for each in objects if not each["apiVersion"].startswith("monitoring.")):
            kubernetes_validate.validate(each, "1.30", strict=True)
        return

    # One of the chart's own sentences: neither the schema's, nor an error in a template, nor invalid YAML.
    assert re.match(r"Error: execution error at \(\S+\): [a-z0-9]", str(refused)), refused
    assert "error calling" not in str(refused)


@FEW
@given(values(SCHEMA))
def test_random_values_render_valid_objects_or_are_refused_in_one_sentence(given_values):
    check(given_values)


@FEW
@given(
    values(SCHEMA["properties"]["monitoring"]),
    st.sampled_from(SCHEMA["properties"]["monitoring"]["properties"]["mode"]["enum"]),
)
def test_random_values_for_monitoring_do_so_in_every_mode(given_values, mode):
    check({"monitoring": given_values | {"mode": mode}})
