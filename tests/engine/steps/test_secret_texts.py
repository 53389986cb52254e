"""No listener sees a secret of the config, wherever the program has put it."""

import io

import pytest
from pulumi_embedded.display.json_events import EventStream
from pulumi_embedded.display.options import DisplayOptions, Heading
from pulumi_embedded.display.plain import PlainDisplay
from pulumi_embedded.steps.events import Diagnostic, Events, StepBegins, StepEnds, Summary
from pulumi_embedded.steps.reading_steps import Refresh
from pulumi_embedded.steps.secret_texts import SecretTexts
from pulumi_embedded.steps.steps import Update
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import Secret

URN = "urn:pulumi:dev::p::lab:index:Thing::a"
WORD = 'ca"nary'


def _state(**inputs):
    return ResourceState(urn=URN, type="lab:index:Thing", custom=True, id="a", inputs=inputs, outputs=dict(inputs))


@pytest.mark.parametrize(
    "listener",
    [
        lambda out: EventStream(out, with_internal=True),
        lambda out: PlainDisplay(out, Heading("update", "p", "dev", preview=False), DisplayOptions(show_diff=True)),
    ],
)
def test_no_listener_sees_a_secret(listener):
    out = io.StringIO()
    events = Events([listener(out)], SecretTexts([WORD, "canary", "no"]))
    update = Update(_state(word="canary", box={"in": ["none", "canary"]}), _state(word=WORD, secret=Secret("plain")))
    for event in (StepBegins(update, planning=False), StepEnds(update, "update", planning=False)):
        events.emit(event)
    events.emit(Diagnostic("warning", f'said {WORD}, canary, {{"json": "ca\\"nary"}}', URN))
    events.emit(Summary({"update": 1}, 1.0, is_preview=False, result="succeeded"))
    text = out.getvalue()
    assert "nary" not in text and "plain" not in text
    assert "none" in text and "said [secret], [secret], {" in text
    assert update.new.inputs["word"] == WORD, "what is stored is not what is shown"


def test_what_holds_no_secret_is_shown_as_it_is():
    same = _state(size=1, note=None, list=[1, "x"])
    secrets = SecretTexts(["canary"])
    for step in (Refresh(same, same), Update(same, _state(size=2))):
        assert secrets.step(step) is step
    told = _state(word="canary")
    assert secrets.step(Refresh(told, told)).result_op == "same"


def test_short_texts_are_no_secrets():
    assert not SecretTexts(["no", "true", "False", ""])
    assert SecretTexts(["no"]).text("not known") == "not known"
