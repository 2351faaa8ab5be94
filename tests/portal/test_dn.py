"""Distinguished names: whatever way they are written, equal ones are equal text."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal.dn import MOST, canonical, canonical_of

EMAIL = x509.NameOID.EMAIL_ADDRESS
CN, ORG, UNIT = (
    x509.NameOID.COMMON_NAME,
    x509.NameOID.ORGANIZATION_NAME,
    x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
)


def name(*rdns: Any) -> x509.Name:
    """Return the name of *rdns*, least specific first: pairs, or lists of pairs."""
    return x509.Name(
        [
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(*pair)
                    for pair in (rdn if isinstance(rdn, list) else [rdn])
                ]
            )
            for rdn in rdns
        ]
    )


# A name as certificates have it, and ways to write it that mean the same.
EQUAL = [
    (
        name((ORG, "ACME"), (CN, "Device 4711")),
        [
            "CN=Device 4711,O=ACME",
            "cn=Device 4711 , o = ACME",
            "CN=Device 4711;O=ACME",
            '2.5.4.3="Device 4711",OID.2.5.4.10=ACME',
            "CN=#130b4465766963652034373131,O=#0c0441434d45",
            r"CN=Device\204711,O=ACME",
        ],
    ),
    (
        name((CN, "d"), (EMAIL, "a@b")),
        [
            "emailAddress=a@b,CN=d",
            "E=a@b,CN=d",
            "EMAILADDRESS=a@b, CN=d",
            "1.2.840.113549.1.9.1=#1603614062,CN=d",
            "1.2.840.113549.1.9.1=a@b,CN=d",
        ],
    ),
    (
        name((ORG, "x"), [(CN, "a"), (UNIT, "b")]),
        ["CN=a+OU=b,O=x", "OU=b + CN=a,O=x", "ou=b+cn=a, o=x"],
    ),
    (
        name((CN, ' a,b+c"d\\e<f>g;h=i# ')),
        [
            r"CN=\ a\,b\+c\"d\\e\<f\>g\;h=i#\ ",
            r"CN=\20a\2cb\2Bc\22d\5ce\3cf\3eg\3bh\=i\#\20",
            r'CN=" a,b+c\"d\\e<f>g;h=i# "',
        ],
    ),
    (name((CN, "#1")), [r"CN=\#1", r"CN=\231"]),
    (name((CN, "a\0b")), [r"CN=a\00b"]),
    (name((CN, "Lučić")), ["CN=Lučić", r"CN=Lu\C4\8Di\C4\87"]),
    (name((x509.ObjectIdentifier("1.2.3.4"), "x")), ["1.2.3.4=x", "1.2.3.4=#0c0178"]),
    (name((x509.NameOID.SERIAL_NUMBER, "7")), ["SERIALNUMBER=7", "2.5.4.5=#130137"]),
    (name((x509.NameOID.DOMAIN_COMPONENT, "net")), ["DC=net", "dc=#16036e6574"]),
    (name((x509.NameOID.USER_ID, "u")), ["UID=u", "0.9.2342.19200300.100.1.1=u"]),
]

DIFFERENT = ["CN=a", "CN=A", "O=a", "CN=a,O=b", "O=b,CN=a", "CN=a+O=b", "CN=a,CN=a"]

WRONG = [
    "",
    " ",
    "CN",
    "CN=a,",
    "CN=a+",
    ",CN=a",
    "CN=a,,O=b",
    "nonsense=a",
    "CN=#",
    "CN=#0",
    "CN=#0c",
    "CN=#0c05",
    "CN=#0c0161ff",
    "CN=#0c01ff",
    'CN="a',
    'CN="a"b',
    r"CN=\x",
    r"CN=\ff",
    "CN=a<b",
    "CN=a" + "b" * MOST,
    "device-4711",
]


class CanonicalTests(SynchronousTestCase):
    def test_equal_names_are_equal_text(self) -> None:
        for found, texts in EQUAL:
            for text in texts:
                self.assertEqual(canonical(text), canonical_of(found), text)

    def test_a_certificate_may_hold_any_type_of_string(self) -> None:
        for kind in ("UTF8String", "PrintableString", "IA5String", "BMPString"):
            attribute = x509.NameAttribute(CN, "a", getattr(_ASN1Type, kind))
            self.assertEqual(canonical_of(x509.Name([attribute])), "CN=a")

    def test_what_is_no_string_stays_encoded(self) -> None:
        oid = x509.NameOID.X500_UNIQUE_IDENTIFIER
        for size in (1, 200):
            value = b"\0" + b"\xa5" * size
            attribute = x509.NameAttribute(oid, value, _ASN1Type.BitString)
            text = canonical_of(x509.Name([attribute]))
            self.assertIn(value.hex(), text)
            self.assertEqual(canonical(text), text)

    def test_the_canonical_form_is_what_people_write(self) -> None:
        self.assertEqual(canonical("cn=d, o=ACME, c=DE"), "CN=d,O=ACME,C=DE")
        self.assertEqual(canonical_of(EQUAL[1][0]), "1.2.840.113549.1.9.1=a@b,CN=d")

    def test_different_names_are_different_text(self) -> None:
        self.assertEqual(len({canonical(text) for text in DIFFERENT}), len(DIFFERENT))

    def test_what_is_not_a_name_is_refused(self) -> None:
        for text in WRONG:
            try:
                found = canonical(text)
            except ValueError:
                continue
            self.fail(f"{text!r} was read as {found!r}")

    def test_the_empty_name_is_empty(self) -> None:
        self.assertEqual(canonical_of(x509.Name([])), "")

    @given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4))
    def test_any_text_survives(self, values: list[str]) -> None:
        rdns = [(CN, value) for value in values]
        try:
            found = name(*rdns)
            found.public_bytes()
        except (ValueError, UnicodeError):
            return  # not to be had in a certificate, such as half a surrogate
        text = canonical_of(found)
        self.assertEqual(canonical(text), text)
        self.assertEqual(text.count("CN=") >= len(values), True)
