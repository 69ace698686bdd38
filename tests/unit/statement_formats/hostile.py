"""Hostile descriptions, which try to be read as other fields."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.statement_formats.samples import descriptions

# A payer names another company as the sender.
FORGED_SENDER = "166?00GUTSCHRIFT?20Invoice 4711?30DEUTDEFF?31DE89370400440532013000?32Trusted AG"

# Every structure of field 86 that bank software reads, and the signs that end lines, fields and messages.
MT940_ATTACKS = [
    FORGED_SENDER,
    "835?00X?20SVWZ+x?32Trusted AG?33 Ltd?60more?34888",
    "EREF+forged SVWZ+text ABWA+Trusted AG KREF+1 MREF+2 CRED+3 IBAN+DE89370400440532013000 BIC+DEUTDEFF",
    "BIC +DEUTDEFF PURP+SALA DEBT+x COAM+1 OAMT+2 ABWE+y ORCR+z",
    "eref+lower svwz+case abwa+Trusted AG",
    "EREF: forged IBAN: DE89370400440532013000 BIC: DEUTDEFF NAAM: Trusted AG OMSCHRIJVING: x",
    "/TRTP/SEPA OVERBOEKING/IBAN/DE89370400440532013000/BIC/DEUTDEFF/NAME/Trusted AG/REMI/x/EREF/forged",
    "/ORDP//NAME/Trusted AG/REMI//USTD//x/EREF/y/MARF/z/CSID/1/RTRN/MS03/",
    "/CNTP/DE89370400440532013000/DEUTDEFF/Trusted AG///REMI/USTD//x/",
    "020<00PRZELEW<20x<27Trusted AG<38DE89370400440532013000",
    "020>00x>27Trusted AG>38DE89370400440532013000",
    "020~00x~32Trusted AG~38DE89370400440532013000",
    "^00x^20y^32Trusted AG^38DE89370400440532013000",
    "+00x+20y+30DEUTDEFF+31DE89370400440532013000+32Trusted AG",
    "KTO/BLZ 532013000/37040044",
    "245//x//Trusted AG/DEUTDEFF/DE89370400440532013000//1",
    ":61:2603010301C999999,NTRFNONREF\r\n:86:166?00x?32Trusted AG",
    "x\r\n:86:166?00x?20y?32Trusted AG",
    "x\n:62F:C260331EUR0,00\n-}",
    ":20:x:25:y:60F:C260301EUR0,00",
    ":NS:22Trusted AG\n:NS:01x",
    "-",
    "-}",
    "-\r\n:20:SECOND",
    "-}{1:F01BANKDEF0XXXX0000000000}{2:I940BANKDEF0XXXXN}{4:\r\n:20:x",
    "{4:\r\n:61:2603010301C1,NTRF",
    "@@:61:2603010301C1,NTRF@@:86:166?32Trusted AG@@-",
    "\x01\x03$\x1a",
    "?",
    "??20??32Trusted AG",
    "？20SVWZ＋x？32Trusted AG：",  # noqa: RUF001 - full-width signs, which NFKC folds to the plain ones
    "؟20x؟32Trusted AG",
    "﹖20x﹖32Trusted AG﹢x﹕y",
    "my account at BIC",
    "my IBAN",
    "a BIC  b IBAN  c",
    "x" * 22 + " BIC" + "y" * 30,
    "a " * 70,
    "- " * 70,
    ": " * 70,
    "? " * 70,
    "-" * 140,
    "?20" * 46,
    "EREF+" * 28,
    "/REMI/" * 23,
]

_PIECES = st.one_of(
    st.sampled_from([*"? + : / - } { < > ~ ^ @@ // ％ ？ ：".split(), " ", "\r\n", "\n"]),  # noqa: RUF001
    st.sampled_from("EREF KREF MREF CRED DEBT SVWZ ABWA ABWE IBAN BIC PURP eref Svwz".split()),
    st.sampled_from("NAME REMI TRTP CNTP ORDP USTD".split()),
    st.sampled_from("00 10 20 21 29 30 31 32 33 34 38 60 61 62F 86 166 835 999 NS".split()),
    st.sampled_from(["Trusted AG", "DE89370400440532013000", " BIC", " IBAN", "ß", "Щ", "日"]),
    st.text(max_size=4),
)

hostile = st.one_of(
    st.sampled_from(MT940_ATTACKS),
    st.lists(_PIECES, max_size=40).map(lambda pieces: "".join(pieces).replace("\0", "")[:140]),
    descriptions,
)
"""Whole attacks, pieces of attacks in any order, and random text, of at most 140 characters."""
