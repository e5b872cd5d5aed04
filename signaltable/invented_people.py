"""Invented people in two lists, as two agencies would have written them down, with the truth beside it.

For measuring linking on Dutch reality (docs/linking.md names every kind of difference and its rate). Names are drawn from
lists of common given names and surnames per language and joined at random; no person in them exists. Relatives, twins,
namesakes and housemates stand among them as people who must not fall together.
"""

import random
import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from signaltable.link_lists import COLUMNS
from signaltable.spreadsheets import table


@dataclass(frozen=True, slots=True)
class Culture:
    """Names of one origin. `pet`: name -> other names for the same person; `other`: name -> other spellings of it."""

    share: int
    nationality: str
    men: Sequence[str]
    women: Sequence[str]
    surnames: Sequence[str]
    pet: Mapping[str, Sequence[str]] = field(default_factory=dict)
    other: Mapping[str, Sequence[str]] = field(default_factory=dict)
    family_first: bool = False
    two_surnames: bool = False
    gendered: bool = False


def _forms(text: str) -> dict[str, tuple[str, ...]]:
    """The text Jan:Johannes Hans; Bep:Elisabeth as a mapping."""
    pairs = (line.split(":") for line in text.split(";") if ":" in line)
    return {
        name.strip().replace("_", " "): tuple(word.replace("_", " ") for word in forms.split()) for name, forms in pairs
    }


def _list(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


CULTURES: Final = (
    Culture(
        30, "Nederlandse",
        _list("Jan Pieter Kees Willem Daan Sem Thijs Bram Lars Ruben Jeroen Sander Maarten Gerrit Hendrik Johannes Bas Stijn Tim Niels Joost Koen Rik Wouter Cornelis Dirk Mees Floris Jelle Sjoerd Jan_Willem Arjen Hans Frank Marcel"),
        _list("Anna Maria Sanne Lotte Fleur Emma Lisa Eva Johanna Elisabeth Margriet Ingrid Monique Femke Marieke Anouk Noor Tess Iris Saskia Esther Wilhelmina Cornelia Annemarie Petra Linda Marloes Naomi Roos Yvonne Anne-Fleur Hanneke Ria"),
        _list("de_Vries van_den_Berg Jansen Bakker van_Dijk Visser Smit Meijer de_Boer Mulder de_Groot Bos Vos Peters Hendriks van_Leeuwen Dekker Brouwer de_Wit Dijkstra Smits de_Graaf van_der_Meer van_der_Linden Kok Jacobs de_Haan Vermeulen van_den_Heuvel van_der_Veen van_den_Broek Schouten Hoekstra Kuiper van_'t_Hof ten_Cate Oosterhuis Wijnen van_Rijn Uittenbogaard Terpstra Wiersma Koolen Verhagen van_Eijk Nijhuis Boonstra Lagerweij Tuinman Zonneveld"),
        _forms("Johannes:Jan Hans; Cornelis:Kees Cor; Hendrik:Henk; Willem:Wim; Elisabeth:Bep Els Liesbeth; Johanna:Hanneke Joke; Wilhelmina:Mina Willy; Cornelia:Corrie; Maria:Marie Ria Mieke; Gerrit:Ger; Maarten:Martin; Esther:Es; Pieter:Piet; Margriet:Greet; Dirk:Dick; Sander:Alexander; Bas:Sebastiaan; Thijs:Matthijs"),
        _forms("Thijs:Thys; Niels:Nils; Eva:Eef; Femke:Femmie; Saskia:Saskya; Marieke:Marijke; Petra:Petera"),
    ),
    Culture(
        9, "Turkse",
        _list("Mehmet Mustafa Ahmet Ali Hüseyin Hasan İbrahim Murat Ömer Yusuf Emre Burak Serkan Kemal Cem Fatih"),
        _list("Fatma Ayşe Emine Hatice Zeynep Elif Meryem Özlem Esra Büşra Sevgi Gülsüm Selin Nuray Havva"),
        _list("Yılmaz Kaya Demir Çelik Şahin Yıldız Öztürk Aydın Özdemir Arslan Doğan Kılıç Çetin Koç Kurt Güneş Bozkurt Şimşek Erdoğan Polat"),
        _forms("İbrahim:Ibo; Mehmet:Memo; Mustafa:Musti; Hatice:Hatce"),
        _forms("Hüseyin:Huseyin; Ömer:Omer; Ayşe:Ayse Ayshe; Özlem:Ozlem; Büşra:Busra; Yusuf:Yusup"),
    ),
    Culture(
        12, "Marokkaanse",
        _list("Mohammed Youssef Rachid Hassan Hussein Karim Said Bilal Ayoub Omar Mustapha Abdellah Khalid Driss Samir Nordin Ilias Hamza Soufiane Abdelkader Mohamed_Amine"),
        _list("Fatima Khadija Aicha Samira Naima Latifa Zineb Hanan Malika Rachida Soumaya Nadia Loubna Bouchra Ikram Salma Fatiha Hafida"),
        _list("El_Amrani Benali El_Khattabi Bouzidi Ait_Ben_Haddou Haddou El_Idrissi Azzouzi Bakkali Chaoui El_Yaakoubi Ouali Tahiri Bennani El_Fassi Mansouri Belhaj Amghar Zerouali Aouragh"),
        _forms("Mohammed:Mo Moha; Abdellah:Abdel"),
        _forms("Mohammed:Mohamed Muhammad Mohamad Mochamed; Youssef:Yousef Yusuf Joessef; Rachid:Rasjid Rashid; Hussein:Hoessein Houssine; Khalid:Chalid Khaled; Khadija:Chadija Khadidja; Aicha:Aisha Aïcha; Zineb:Zainab; Driss:Idris; Ilias:Ilyas; Soumaya:Soumia; Said:Saïd; Mustapha:Mustafa; Nordin:Noureddine; Loubna:Lubna; Bouchra:Bushra"),
    ),
    Culture(
        12, "Poolse",
        _list("Piotr Krzysztof Andrzej Tomasz Paweł Michał Marcin Jakub Adam Łukasz Grzegorz Wojciech Stanisław Kamil Rafał Mateusz Zbigniew"),
        _list("Anna Małgorzata Katarzyna Agnieszka Barbara Ewa Elżbieta Magdalena Joanna Krystyna Monika Zofia Jadwiga Karolina Aleksandra Justyna Beata"),
        _list("Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Mazur Jankowski Krawczyk Piotrowski Grabowski Pawłowski Michalski Wróbel Stępień"),
        _forms("Małgorzata:Gosia; Katarzyna:Kasia; Agnieszka:Aga; Krzysztof:Krzysiek; Tomasz:Tomek; Piotr:Piotrek; Magdalena:Magda; Joanna:Asia; Elżbieta:Ela; Aleksandra:Ola; Grzegorz:Grzesiek; Barbara:Basia; Wojciech:Wojtek; Zofia:Zosia; Jakub:Kuba; Zbigniew:Zbyszek"),
        _forms("Krzysztof:Krzystof; Wojciech:Wojcieh; Małgorzata:Malgorzatta; Aleksandra:Alexandra"),
        gendered=True,
    ),
    Culture(
        10, "Bulgaarse",
        _list("Георги Димитър Иван Николай Петър Стоян Христо Пламен Красимир Ивайло Валентин Мартин Тодор Румен Веселин"),
        _list("Мария Елена Цветелина Десислава Гергана Силвия Иванка Радка Виолета Росица Надежда Милена Петя Даниела Йорданка"),
        _list("Иванов Георгиев Димитров Петров Николов Христов Стоянов Тодоров Илиев Ангелов Василев Атанасов Колев Маринов Желязков Вълчев Хаджиев Щерев"),
        _forms("Георги:Gosho; Димитър:Mitko; Цветелина:Tsveti; Десислава:Desi; Надежда:Nadya; Красимир:Krasi; Тодор:Tosho; Веселин:Vesko"),
        gendered=True,
    ),
    Culture(
        8, "Roemeense",
        _list("Ion Andrei Mihai Alexandru Cristian Gheorghe Ștefan Florin Vasile Marius Nicolae Bogdan Constantin Ionuț Adrian"),
        _list("Maria Elena Ioana Andreea Mihaela Cristina Alina Gabriela Florentina Ana Roxana Simona Mădălina Nicoleta Lăcrămioara"),
        _list("Popescu Ionescu Popa Radu Dumitru Stan Stoica Rusu Munteanu Matei Ciobanu Țăranu Șerban Dragomir Lupu Vasilescu Nistor Oprea"),
        _forms("Alexandru:Alex; Gheorghe:George Gigi; Cristian:Cristi; Constantin:Costel; Andreea:Andra; Mihaela:Miha; Gabriela:Gabi; Nicolae:Nicu"),
        _forms("Ștefan:Stephan; Cristina:Kristina; Mihai:Mihail; Mihaela:Michaela"),
    ),
    Culture(
        4, "Hongaarse",
        _list("László István József János Zoltán Sándor Ferenc Gábor Attila Tamás Balázs"),
        _list("Mária Erzsébet Katalin Ilona Éva Anna Zsuzsanna Ágnes Tünde Krisztina Eszter"),
        _list("Nagy Kovács Tóth Szabó Horváth Varga Kiss Molnár Németh Farkas Balogh Lakatos Rácz Orsós"),
        _forms("László:Laci; József:Jóska; János:Jancsi; Erzsébet:Erzsi; Katalin:Kati; Zsuzsanna:Zsuzsa; Zoltán:Zoli"),
        _forms("Krisztina:Kristina; Balázs:Balasz"),
        family_first=True,
    ),
    Culture(
        6, "Nigeriaanse",
        _list("Emeka Chinedu Ikechukwu Obinna Kelechi Osagie Femi Tunde Uchenna Samuel Emmanuel Destiny Godwin"),
        _list("Blessing Joy Precious Patience Mercy Favour Ngozi Chidinma Amaka Faith Grace Osas Ifeoma Peace Happiness"),
        _list("Okafor Osagie Igbinedion Ehigie Eze Nwosu Okonkwo Adeyemi Aigbe Omorogbe Idahosa Obaseki Uwaifo Balogun Ogbeide"),
        _forms("Chidinma:Chidi; Ifeoma:Ify; Emmanuel:Emma; Samuel:Sam"),
        _forms("Favour:Favor; Chinedu:Chinedum; Osagie:Osagiie"),
    ),
    Culture(
        4, "Vietnamese",
        _list("Văn_Minh Đức Văn_Hùng Quang Tuấn Hải Thành Long Dũng"),
        _list("Thị_Lan Thị_Hoa Thị_Mai Thu_Hương Ngọc Linh Thị_Hồng Phương Thảo Thị_Thúy"),
        _list("Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Đặng Bùi Đỗ Ngô"),
        family_first=True,
    ),
    Culture(
        3, "Chinese",
        _list("Wei Jun Lei Qiang Xiaoming Jianguo Tao Bin Haoran"),
        _list("Fang Xiuying Na Jing Li_Hua Yan Mei Xiaoli Ting"),
        _list("Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Lin"),
        family_first=True,
        other=_forms("Xiaoming:Xiao_Ming; Xiaoli:Xiao_Li; Xiuying:Xiu_Ying; Li_Hua:Lihua"),
    ),
    Culture(
        8, "Syrische",
        _list("Ahmad Omar Khaled Mahmoud Yousef Ibrahim Tareq Samer Bashar Filmon Tesfay Yonas Amanuel Merhawi"),
        _list("Fatima Maryam Rania Nour Huda Layla Aya Hala Senait Selam Feven Semhar Rahel Yordanos"),
        _list("Al_Hassan Al_Ahmad Khalil Haddad Al_Masri Darwish Al_Sayed Suleiman Gebremedhin Tesfamariam Habtemariam Ghebreyesus Woldu Hailemariam Al_Jabouri"),
        other=_forms("Ahmad:Ahmed Achmad; Khaled:Khalid Chaled; Yousef:Youssef Yusuf; Tareq:Tarik Tariq; Maryam:Mariam Meryem; Nour:Noor; Layla:Leila Laila; Huda:Houda; Tesfay:Tesfai; Yonas:Jonas; Selam:Salam; Ibrahim:Ebrahim; Mahmoud:Mahmud"),
    ),
    Culture(
        6, "Colombiaanse",
        _list("Juan_Carlos José Luis Carlos Miguel Diego Andrés Javier Santiago Francisco Alejandro"),
        _list("María_José Carmen Luz_Marina Ana_María Isabel Paola Yolanda Gloria Daniela Valentina Guadalupe"),
        _list("García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Ramírez Torres Vargas Castillo Mejía Quintero"),
        _forms("José:Pepe; Francisco:Paco; Isabel:Isa; Alejandro:Alex; Santiago:Santi; Guadalupe:Lupe"),
        _forms("José:Jose; Carmen:Karmen; Valentina:Balentina"),
        two_surnames=True,
    ),
)  # fmt: skip

# How clerks write Bulgarian names in Latin letters: the passport, and the ear.
_CYRILLIC: Final = (
    dict(zip("абвгдежзийклмнопрстуфхцчшщъьюя", "a b v g d e zh z i y k l m n o p r s t u f h ts ch sh sht a y yu ya".split(), strict=True)),
    dict(zip("абвгдежзийклмнопрстуфхцчшщъьюя", "a b w g d e j z i j k l m n o p r s t oe f ch tz tsj sj sjt u j joe ja".split(), strict=True)),
)  # fmt: skip
_STREETS: Final = _list(
    "Dorpsstraat Kerkstraat Molenweg Schoolstraat Stationsweg Julianalaan Wilhelminastraat Beukenlaan Lindenlaan Eikenlaan Nieuwstraat Hoofdstraat "
    "Prins_Hendrikstraat Burgemeester_de_Witstraat Marktplein Havenkade Parklaan Zuiderweg Noordersingel Tulpstraat Rozenstraat Anjerstraat Westersingel "
    "Oosterkade Spoorlaan Kanaalweg Kastanjelaan Vondelstraat Rembrandtstraat Heemskerkstraat Mathenesserlaan Beijerlandselaan Groene_Hilledijk"
)
_CITIES: Final = {
    "Rotterdam": 30, "Den Haag": 25, "Dordrecht": 33, "Schiedam": 31, "Utrecht": 35, "Amsterdam": 10, "Eindhoven": 56,
    "Tilburg": 50, "'s-Hertogenbosch": 52, "Breda": 48, "Groningen": 97, "Zwolle": 80,
}  # fmt: skip
_KEYS: Final = {"a": "sq", "e": "wr", "i": "uo", "o": "ip", "n": "bm", "r": "et", "s": "ad", "t": "ry", "l": "k", "m": "n", "d": "sf", "k": "jl"}  # fmt: skip
_SOUND: Final = (
    ("ij", "y"),
    ("ei", "ij"),
    ("au", "ou"),
    ("ck", "k"),
    ("dt", "t"),
    ("ph", "f"),
    ("c", "k"),
    ("z", "s"),
    ("v", "f"),
    ("oe", "u"),
)
_LOOKS: Final = (("rn", "m"), ("l", "1"), ("o", "0"), ("cl", "d"), ("ii", "n"), ("vv", "w"))


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person as they are, before anybody writes them down."""

    culture: int
    woman: bool
    given: str
    surname: str
    birth: tuple[int, int, int]
    phone: str
    home: tuple[str, str, str, str, str]
    document: str


@dataclass(frozen=True, slots=True)
class Lists:
    """Rows by column of the contract, and the pairs of ids that are one person."""

    left: tuple[dict[str, str], ...]
    right: tuple[dict[str, str], ...]
    truth: tuple[tuple[str, str], ...]


def invent(people: int, seed: int, *, rough: float = 1.0) -> Lists:
    """Two lists of so many people each, of whom 94 in a hundred stand in both. `rough` multiplies every rate of difference."""
    draw = random.Random(seed)  # noqa: S311 -- invented data, the same for the same seed
    writer = _Writer(draw, rough)
    both = [_person(draw) for _ in range(round(people * 0.94))]
    relatives = [_relative(draw, of) for of in draw.sample(both, 2 * (people - len(both)))]
    left = [*both, *relatives[::2]]
    right = [*both, *relatives[1::2]]
    truth = tuple((f"L{place}", f"R{place}") for place in range(len(both)))
    rows = [
        [{"id": f"{side}{place}", **writer.written(person)} for place, person in enumerate(someone)]
        for side, someone in (("L", left), ("R", right))
    ]
    for side in rows:
        draw.shuffle(side)
    return Lists(tuple(rows[0]), tuple(rows[1]), truth)


def write_lists(lists: Lists, folder: Path) -> None:
    """left.csv, right.csv and truth.csv in a folder. Raises FileExistsError rather than write over one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("left.csv", lists.left), ("right.csv", lists.right)):
        _write(folder / name, COLUMNS, ([row[column] for column in COLUMNS] for row in rows))
    _write(folder / "truth.csv", ("left_id", "right_id"), lists.truth)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(table(head, rows))


# -- people ---------------------------------------------------------------------------------------------------------------


def _person(draw: random.Random) -> Person:
    culture = draw.choices(range(len(CULTURES)), [found.share for found in CULTURES])[0]
    names, woman = CULTURES[culture], draw.random() < 0.6
    surname = draw.choice(names.surnames)
    if names.two_surnames:
        surname += " " + draw.choice(names.surnames)
    given = draw.choice(names.women if woman else names.men)
    return Person(culture, woman, given, surname, _birth(draw, 1950, 2009), _phone(draw), _home(draw), _document(draw))


def _birth(draw: random.Random, first: int, last: int) -> tuple[int, int, int]:
    return draw.randint(first, last), draw.randint(1, 12), draw.randint(1, 28)


def _phone(draw: random.Random) -> str:
    return "06" + "".join(draw.choices(string.digits, k=8))


def _home(draw: random.Random) -> tuple[str, str, str, str, str]:
    city = draw.choice(list(_CITIES))
    postcode = f"{_CITIES[city]}{draw.randint(11, 95)} {''.join(draw.choices('ABCDEGHJKLNPRSTVWXZ', k=2))}"
    addition = draw.choice(["", "", "", "", "A", "B", "2", "hs", "III"])
    return draw.choice(_STREETS), str(draw.randint(1, 240)), addition, postcode, city


def _document(draw: random.Random) -> str:
    return (
        "".join(draw.choices("ABCDEFGHKLMNPRSTVX", k=2))
        + "".join(draw.choices("ABCDEFGHKLMNPRSTVX123456789", k=6))
        + draw.choice(string.digits)
    )


def _relative(draw: random.Random, of: Person) -> Person:
    """Somebody else who is easily taken for this person."""
    names = CULTURES[of.culture]
    others = [name for name in (names.women if of.woman else names.men) if name != of.given]
    fresh = replace(of, document=_document(draw), phone=of.phone if draw.random() < 0.4 else _phone(draw))
    kind = draw.choices(
        ("twin", "sibling", "generation", "namesake", "spouse", "housemate", "shared phone"), (3, 5, 3, 4, 3, 5, 3)
    )[0]
    year, _month, _day = of.birth
    if kind == "twin":
        return replace(fresh, given=draw.choice(others))
    if kind == "sibling":
        return replace(fresh, given=draw.choice(others), birth=_birth(draw, max(1950, year - 9), min(2009, year + 9)))
    if kind == "generation":
        return replace(fresh, birth=_birth(draw, year - 40, year - 19))
    if kind == "namesake":
        return replace(fresh, birth=_birth(draw, 1950, 2009), phone=_phone(draw), home=_home(draw))
    if kind == "spouse":
        given = draw.choice(names.men if of.woman else names.women)
        return replace(
            fresh, woman=not of.woman, given=given, birth=_birth(draw, max(1950, year - 6), min(2009, year + 6))
        )
    stranger = _person(draw)
    if kind == "housemate":
        return replace(stranger, home=of.home)
    return replace(stranger, phone=of.phone)


# -- writing them down ------------------------------------------------------------------------------------------------------


class _Writer:
    """One clerk after another: what they leave out, hear wrongly, shorten and mistype. Rates are per record."""

    def __init__(self, draw: random.Random, rough: float) -> None:
        self._draw = draw
        self._rough = rough

    def written(self, person: Person) -> dict[str, str]:
        """One row of a list, without its id."""
        given, infix, surname = self._name(person)
        street, number, addition, postcode, city = self._home(person)
        return {
            "given": given,
            "infix": infix,
            "surname": surname,
            "birth_date": self._date(person.birth),
            "phone": self._phone(person.phone),
            "street": street,
            "number": number,
            "addition": addition,
            "postcode": postcode,
            "city": city,
            "nationality": "" if self._hit(0.2) else self._nationality(person),
            "document": self._document(person.document),
        }

    def _hit(self, rate: float) -> bool:
        return self._draw.random() < rate * self._rough

    def _nationality(self, person: Person) -> str:
        found = CULTURES[person.culture].nationality
        return "Nederlandse" if self._hit(0.05) else found

    def _name(self, person: Person) -> tuple[str, str, str]:
        names, draw = CULTURES[person.culture], self._draw
        given, surname = person.given, person.surname
        if self._hit(0.06) and given in names.pet:
            given = draw.choice(names.pet[given])
        elif self._hit(0.10) and given in names.other:
            given = draw.choice(names.other[given])
        given, surname = self._latin(given), self._latin(self._gendered(surname, names, person))
        if self._hit(0.35):
            given, surname = _plain(given), _plain(surname)
        infix, surname = self._infix(surname)
        surname = self._family(surname, person)
        given = self._typo(self._given(given), 0.04)
        surname = self._typo(surname, 0.05)
        if self._hit(0.02) or (names.family_first and self._hit(0.12)):
            given, surname = surname, given
        if self._hit(0.01):
            given, surname = "", f"{given} {surname}"
        return given, infix, surname

    def _latin(self, text: str) -> str:
        if not any("а" <= sign <= "я" for sign in text.lower()):
            return text
        if self._hit(0.03):
            return text
        table = _CYRILLIC[self._hit(0.15)]
        return "".join(table.get(sign, sign) for sign in text.lower()).title()

    def _gendered(self, surname: str, names: Culture, person: Person) -> str:
        if not names.gendered or not person.woman or self._hit(0.05):
            return surname
        for man, woman in (("ski", "ska"), ("cki", "cka"), ("ов", "ова"), ("ев", "ева")):
            if surname.endswith(man):
                return surname[: -len(man)] + woman
        return surname

    def _infix(self, surname: str) -> tuple[str, str]:
        words = surname.split(" ")
        small = [word for word in words[:-1] if word[:1].islower() or word[:1] == "'"]
        if small:
            infix, rest = " ".join(small), words[-1]
            if self._hit(0.05):
                return "", rest
            if self._hit(0.04):
                return "", (infix.replace(" ", "") + rest.lower()).capitalize()
            if self._hit(0.05):
                return "".join(word[0] + "." for word in small), rest
            return ("", f"{infix} {rest}") if self._hit(0.1) else (infix, rest)
        if words[0] in {"El", "Al"} and len(words) > 1:
            if self._hit(0.12):
                return "", " ".join(words[1:])
            if self._hit(0.15):
                return "", words[0] + "".join(words[1:]).lower()
            if self._hit(0.1):
                return "", "-".join(words)
        return "", surname

    def _family(self, surname: str, person: Person) -> str:
        names = CULTURES[person.culture]
        words = surname.split(" ")
        if names.two_surnames and len(words) > 1 and self._hit(0.3):
            return words[0]
        if person.woman and self._hit(0.025):
            other = self._draw.choice(names.surnames if self._draw.random() < 0.7 else CULTURES[0].surnames)
            other = _plain(self._latin(other))
            return self._draw.choice([f"{other}-{surname}", f"{surname}-{other}", f"{other} e/v {surname}", other])
        return surname

    def _given(self, given: str) -> str:
        words = given.split(" ")
        if len(words) > 1 and self._hit(0.25):
            return self._draw.choice([words[0], "".join(words), "-".join(words)])
        if self._hit(0.03):
            return given[:1] + "."
        if self._hit(0.03):
            return f"{given} {self._draw.choice('ABCDEHJKLMNPRST')}."
        if self._hit(0.02):
            return f"{given} {self._draw.choice(['Maria', 'Johannes', 'Ahmed', 'Elena', 'Anna'])}"
        return given[: max(3, len(given) - 3)] if self._hit(0.01) else given

    def _typo(self, text: str, rate: float) -> str:
        if len(text) < 3 or not self._hit(rate):
            return text
        at = self._draw.randrange(1, len(text) - 1)
        heard = [
            text.lower().replace(*pair, 1)
            for pair in (_SOUND if self._draw.random() < 0.6 else _LOOKS)
            if pair[0] in text.lower()
        ]
        ways: list[Callable[[], str]] = [
            lambda: text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            lambda: text[:at] + text[at + 1 :],
            lambda: text[:at] + text[at] + text[at:],
            lambda: text[:at] + self._draw.choice(_KEYS.get(text[at].lower(), "e")) + text[at + 1 :],
        ]
        if heard and self._draw.random() < 0.5:
            return self._draw.choice(heard).capitalize()
        return self._draw.choice(ways)()

    def _date(self, birth: tuple[int, int, int]) -> str:
        year, month, day = birth
        if self._hit(0.03):
            return ""
        if self._hit(0.015):
            return str(year)
        if self._hit(0.015):
            month, day = 1, 1
        elif self._hit(0.015) and day <= 12:
            month, day = day, month
        elif self._hit(0.025):
            day, year = self._draw.choice(
                [
                    ((day + 9) % 28 + 1, year),
                    (day, year + self._draw.choice([-10, -2, -1, 1, 2, 10])),
                    (min(28, day + 1), year),
                ]
            )
        elif self._hit(0.005):
            return f"{month:02}-{year}"
        written = (
            f"{year}-{month:02}-{day:02}",
            f"{day}-{month}-{year}",
            f"{day:02}-{month:02}-{year}",
            f"{day:02}/{month:02}/{year}",
        )
        return self._draw.choices(written, (6, 2, 1, 1))[0]

    def _phone(self, phone: str) -> str:
        if self._hit(0.2):
            return ""
        if self._hit(0.1):
            phone = _phone(self._draw)
        elif self._hit(0.02):
            at = self._draw.randrange(3, 9)
            phone = phone[:at] + self._draw.choice(string.digits) + phone[at + 1 :]
        forms = (
            phone,
            f"+31{phone[1:]}",
            f"0031{phone[1:]}",
            f"{phone[:2]}-{phone[2:]}",
            f"+31 (0)6 {phone[2:6]} {phone[6:]}",
            f"{phone[:2]} {phone[2:4]} {phone[4:6]} {phone[6:8]} {phone[8:]}",
        )
        return self._draw.choice(forms)

    def _home(self, person: Person) -> tuple[str, str, str, str, str]:
        if self._hit(0.12):
            return "", "", "", "", ("" if self._hit(0.4) else person.home[4])
        street, number, addition, postcode, city = _home(self._draw) if self._hit(0.08) else person.home
        if self._hit(0.08):
            postcode = ""
        elif self._hit(0.2):
            street = ""
        if self._hit(0.2):
            street = street.replace("straat", "str.").replace("laan", "ln").replace("Burgemeester", "Burg.")
        if self._hit(0.3):
            number, addition = f"{number}{self._draw.choice(['', '-', ' '])}{addition}", ""
        elif self._hit(0.1):
            addition = ""
        if self._hit(0.3):
            postcode = postcode.replace(" ", "").lower()
        if city in {"Den Haag", "'s-Hertogenbosch"} and self._hit(0.3):
            city = "'s-Gravenhage" if city == "Den Haag" else "Den Bosch"
        return self._typo(street, 0.03), number, addition, postcode, "" if self._hit(0.08) else city

    def _document(self, document: str) -> str:
        if self._draw.random() < 0.55:
            return ""
        if self._hit(0.05):
            return _document(self._draw)
        if self._hit(0.03):
            return document.replace("1", "I", 1).replace("8", "B", 1)
        return f"{document[:2]} {document[2:]}" if self._hit(0.1) else document


def _plain(text: str) -> str:
    """As a keyboard without marks writes it."""
    bare = "".join(
        sign
        for sign in unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L"))
        if not unicodedata.combining(sign)
    )
    return bare.replace("ı", "i").replace("đ", "d").replace("Đ", "D")
