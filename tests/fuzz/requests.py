"""What is thrown: requests from nothing, and valid requests with something wrong in them."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import strategies as st

from .parameters import FIELDS, HEADERS, MEMBERS, NAMES, SIGNED
from .seeds import SEEDS
from .wire import EVEN, FORM, GONE, OURS, SELF, Document, Odd, Throw

# ── single values ─────────────────────────────────────────────────────────────────────────────────

_ODD = (
    "", " ", "\0", "a\0b", "\ud800", "a\udfffb", "%00", "%", "%zz", "\u202e", "\r\nX-Injected: 1", "'", '"',
    "\\", "<b>",
    "../../etc/passwd", "9" * 5000, "-1", "0", "1e999", "NaN", "null", "true", "[]", "{}", "[" * 3000,
    "http://[x", "//x",
    "javascript:alert(1)", "https://app.example:99999/", "https://[::1", "rt_" + "A" * 75, "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6WzFdfQ.e30.AA", "a" * 9000, "é" * 300, "０１", "\x7f", "\ufeff", "openid " * 400,
    "00000000-0000-0000-0000-000000000000", "urn:uuid:12345678123456781234567812345678", "none", "login none",
)  # fmt: skip
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "")
_TYPES = (
    FORM, "application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "",
    "*/*", "a/b/c",
    f"{FORM}; charset=utf-16", "application/json; charset=latin-1", f"{FORM};{FORM}",
    "application/x-www-form-urlencode",
    "\xff",
)  # fmt: skip

surrogates_too = st.characters(exclude_categories=())
texts = st.one_of(st.sampled_from(_ODD), st.text(surrogates_too, max_size=40))
named = st.sampled_from(NAMES).map("{{{}}}".format)
damaged = st.tuples(named, st.sampled_from("+-~!*^0")).map("".join)  # see fill()
values = st.one_of(named, texts, damaged, st.sampled_from(_ODD))
field_names = st.one_of(st.sampled_from(FIELDS), texts)
pairs = st.tuples(field_names, values)
many = st.one_of(st.lists(pairs, max_size=4), st.lists(pairs, max_size=2).map(lambda p: p * 2))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, named),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
_JWK = st.fixed_dictionaries(
    {},
    optional={n: st.one_of(texts, json_values) for n in ("kty", "n", "e", "crv", "x", "y", "kid", "alg", "use", "d")},
)
metadata = st.dictionaries(
    st.one_of(st.sampled_from(MEMBERS), texts),
    st.one_of(json_values, st.just(["https://f.example/cb"]), st.just({"keys": [{"kty": "RSA"}]}),
              st.lists(_JWK, max_size=3).map(lambda keys: {"keys": keys})),
    max_size=6,
)  # fmt: skip
_JOSE = ("alg", "kid", "typ", "jwk", "crit", "b64", "x5c", "jku", "zip", "cty", "enc")
_CLAIMS = (
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "htm", "htu", "ath", "nonce", "sid", "act", "cnf", "software_id",
)  # fmt: skip
_instants = st.sampled_from((0, -1, 1e300, 2**63, 4102444800, 1.5, True, "1700000000"))
odd_values = st.one_of(st.just(GONE), json_values, values, _instants, st.just(["{issuer}"]), st.just(["{issuer}", 1]))
odds = st.builds(
    Odd,
    st.dictionaries(st.one_of(st.sampled_from(_JOSE), texts), odd_values, max_size=2),
    st.dictionaries(
        st.one_of(st.sampled_from(_CLAIMS), st.sampled_from(FIELDS), st.sampled_from(MEMBERS), texts), odd_values,
        max_size=3,
    ),
)  # fmt: skip
documents = st.builds(
    Document,
    st.one_of(
        json_values.map(lambda value: _json(value)), metadata.map(lambda value: _json(value)), st.binary(max_size=40),
        st.just(b"{signer.object}"), st.just(b"[" * 60000),
    ),
    st.sampled_from(("application/json", "text/html", "", "application/oauth-authz-req+jwt", "application/x+json")),
    st.sampled_from((200, 200, 200, 404, 500, 302)),
    st.sampled_from(("", "max-age=99999999999999", "no-store, max-age=x", "s-maxage=0")),
)  # fmt: skip
_PART = b"--x\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\ny\r\n--x--"
_DEEP = (b"[" * 60000, b'{"a":' * 20000, b'{"client_name":"' + b"x" * 130000 + b'"}', b"\xff\xfe", b"{", b'{"a":1e400}',
         b'{"a":' + b"9" * 6000 + b"}", b'{"redirect_uris":["https://f.example/\\ud800"]}',
         b'{"client_name":"\\u0000"}',
         b"a=" + b"b" * 140000, b"&" * 5000, b"a=b&" * 300, b"a=%ff&b=%00",
         _PART, b"--x\r\n" * 2000)  # fmt: skip
assertions = st.builds(
    lambda head, claims: ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                                  for part in (head, claims)) + ".c2ln",
    st.fixed_dictionaries({"alg": st.sampled_from(["RS256", "none", "HS256", "EdDSA"])},
                          optional={"kid": json_values, "typ": json_values, "crit": json_values, "jwk": json_values}),
    st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "jti", "sid"]), json_values, max_size=7),
)  # fmt: skip
authorizations = st.one_of(
    values.map("Bearer {}".format), values.map("Basic {}".format), values, assertions.map("Bearer {}".format),
    st.tuples(values, values).map(lambda p: "Basic " + base64.b64encode(
        f"{p[0]}:{p[1]}".encode("utf-8", "surrogatepass")).decode()),
    st.just("{mallory.basic}"), st.just("{mallory.basic}*"), st.just("Bearer"), st.just("Digest x=y"),
)  # fmt: skip
cookies = st.one_of(
    st.just(SELF[0][1]), st.just(SELF[0][1] + "; " + SELF[0][1]), values.map("__Host-idp-session={}".format),
    values.map("__Host-idp-visit={}".format), texts, st.just("__Host-idp-session={mallory.session}*"),
)  # fmt: skip
headers = st.lists(
    st.one_of(
        st.tuples(st.just("Authorization"), authorizations), st.tuples(st.just("Cookie"), cookies),
        st.tuples(st.sampled_from(HEADERS), values), st.sampled_from(OURS),
    ),
    max_size=4,
).map(tuple)  # fmt: skip


# ── whole requests ────────────────────────────────────────────────────────────────────────────────


def bodies() -> st.SearchStrategy[bytes | None]:
    """No body, JSON, or bytes that mean nothing."""
    return st.one_of(
        st.none(), st.none(), st.sampled_from(_DEEP), st.binary(max_size=60),
        json_values.map(_json), metadata.map(_json),
    )  # fmt: skip


def from_nothing(paths: st.SearchStrategy[str]) -> st.SearchStrategy[Throw]:
    """A request of which only the address means anything."""
    content = st.one_of(st.just(FORM), st.just("application/json"), st.sampled_from(_TYPES))
    return st.builds(
        Throw, st.one_of(st.sampled_from(METHODS), st.sampled_from(METHODS[:2])), paths, many.map(tuple), headers,
        many.map(tuple), content, bodies(),
    )  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> Throw:
    """A valid request with some of it changed, or none."""
    seed = draw(st.sampled_from(SEEDS))
    fields, query, sent = list(seed.fields), list(seed.query), list(seed.headers)
    for part in (fields, query):
        for _ in range(draw(st.integers(0, 2))):
            _mutate(draw, part)
    for _ in range(draw(st.integers(0, 1))):
        sent.extend(draw(headers))
    if draw(st.integers(0, 9)) == 0 and sent:
        sent.pop(draw(st.integers(0, len(sent) - 1)))
    raw = seed.raw
    if raw is not None and draw(st.booleans()):
        raw = _json({**json.loads(raw), **draw(metadata)})
    method = seed.method if draw(st.integers(0, 9)) else draw(st.sampled_from(METHODS))
    kind = seed.content_type if draw(st.integers(0, 9)) else draw(st.sampled_from(_TYPES))
    odd = draw(odds) if signs(seed) and draw(st.integers(0, 3)) else EVEN
    document = draw(documents) if (fetches(seed) and draw(st.booleans())) or draw(st.integers(0, 19)) == 0 else None
    return Throw(method, seed.path, tuple(fields), tuple(sent), tuple(query), kind, raw, odd, document)


def signs(thrown: Throw) -> bool:
    """Is something signed for it?"""
    return any(f"{{{name}}}" in repr(thrown) for name in SIGNED)


def fetches(thrown: Throw) -> bool:
    """Is a stranger's server asked for something?"""
    return any(name in repr(thrown) for name in ("{stranger}", "{client.url}", "f.example"))


def _mutate(draw: st.DrawFn, part: list[tuple[str, str]]) -> None:
    act = draw(st.sampled_from(("value", "add", "drop", "repeat", "assertion")))
    at = draw(st.integers(0, max(0, len(part) - 1)))
    if act == "add" or not part:
        part.insert(at, draw(pairs))
    elif act == "value":
        part[at] = (part[at][0], draw(values))
    elif act == "assertion":
        part[at] = (part[at][0], draw(assertions))
    elif act == "drop":
        part.pop(at)
    else:
        part.append(part[at])


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")
