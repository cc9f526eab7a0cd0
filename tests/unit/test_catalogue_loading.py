"""The loader: fast, and every kind of mistake is reported with file, row and column, all at once."""

import time
from pathlib import Path

import pytest
from chiso_shared.catalogue import CatalogueError, Problem, load_catalogue, parse_catalogue
from chiso_shared.catalogue.loading import FILES

from tests.unit.catalogue_seeds import SEEDS, edited, seed_files, seeds

AUTHORITIES = "authoritative_sources.csv"
UNIT = "commune,01,phuong,Ba Đình,Phường Ba Đình,Ba Dinh Ward,2025-07-01,"
RULE = "- id: online_share_below_target\n  kind: threshold\n  version: 1\n"


def problems_of(files: dict[str, bytes]) -> list[Problem]:
    with pytest.raises(CatalogueError) as raised:
        parse_catalogue(files)
    return list(raised.value.problems)


def row_of(file: str, content: bytes, needle: str) -> int:
    lines = content.decode().splitlines()
    return next(number for number, line in enumerate(lines, 1) if needle in line)


# file, text replaced, its replacement, column named, a word of the message
MISTAKES = [
    ("units.csv", "00004," + UNIT, "0004," + UNIT, "code", "code of the level"),
    ("units.csv", UNIT, UNIT.replace("01,", "03,"), "parent", "no province"),
    ("units.csv", UNIT, UNIT.replace("commune", "village"), "level", "none of"),
    ("units.csv", UNIT, UNIT.replace("phuong", "tinh"), "type", "none of"),
    ("units.csv", UNIT, UNIT.replace("2025-07-01", "2025-02-30"), "valid_from", "not a date"),
    ("units.csv", UNIT, UNIT + "2025-06-30", "valid_to", "ends before"),
    ("units.csv", UNIT, UNIT + "\n00004," + UNIT, "valid_to", "overlaps"),
    ("units.csv", ",Ba Đình,", ",,", "name_vi", "empty"),
    ("units.csv", "01,province,VN", "01,province,", "parent", "nation"),
    ("unit_type_history.csv", "24,thanh_pho,2026-09-20", "24,tinh,2026-09-20", "type", "latest type"),
    ("unit_type_history.csv", "24,tinh,2025-07-01", "24,xa,2025-07-01", "type", "level"),
    ("unit_type_history.csv", "24,tinh,2025-07-01", "24,tinh,2025-08-01", "valid_from", "begins"),
    ("unit_type_history.csv", "24,tinh,", "98,tinh,", "code", "no known unit"),
    ("provinces.csv", "H50,verified,78,69", "H50,verified,79,69", "expected_communes", "has 78"),
    ("provinces.csv", "H50,verified,78,69", "H50,verified,78,70", "n_xa", "has 69"),
    ("provinces.csv", "H50,verified", "H5,verified", "h_code", "H-code"),
    ("provinces.csv", "H50,verified", "H50,inferred", "h_code", "verified"),
    ("provinces.csv", "H48,verified", "H50,verified", "h_code", "already"),
    ("provinces.csv", "44,Quảng Trị", "44,Quảng Bình", "name_vi", "named"),
    ("predecessors.csv", "44,Quảng Bình,", "45,Quảng Bình,", "effective", "overlaps"),
    ("predecessors.csv", ",44,merged", ",49,merged", "new_nso_code", "no known unit"),
    ("predecessors.csv", ",44,merged", ",44,split", "kind", "none of"),
    ("departments.csv", "H48.12,51", "000.00.12.H48,51", "code", "canonical"),
    ("departments.csv", "H48.12,51", "H48.12,21289", "parent", "no province"),
    ("calendars.csv", "administrative,month", "lunar,month", "calendar", "none of"),
    ("calendars.csv", ",15,-1,14,0,", ",16,-1,14,0,", "examples", "should be"),
    ("calendars.csv", ",25,0,official,20,0,", ",25,0,official,26,0,", "commune_due_day", "communes are due"),
    ("calendars.csv", ",25,0,official,20,0,", ",31,0,official,20,0,", "due_day", "out of range"),
    ("datasets.csv", "DVC.ON_TIME;", "DVC.ONTIME;", "indicators", "no known indicator"),
    ("datasets.csv", "DVC.ON_TIME;", "DVC.ON_TIME;DVC.ON_TIME;", "indicators", "twice"),
    (
        AUTHORITIES,
        "valid_from,valid_to\n",
        "valid_from,valid_to\n21028,DVC.NONE,H48,2025-07-01,\n",
        "indicator",
        "no known indicator",
    ),
    (
        AUTHORITIES,
        "valid_from,valid_to\n",
        "valid_from,valid_to\n21028,XYZ.*,H48,2025-07-01,\n",
        "indicator",
        "family of no indicator",
    ),
    (
        AUTHORITIES,
        "valid_from,valid_to\n",
        "valid_from,valid_to\n21028,DVC.*,000.00.00.H48,2025-07-01,\n",
        "agency",
        "canonical",
    ),
    (
        AUTHORITIES,
        "valid_from,valid_to\n",
        "valid_from,valid_to\n99999,DVC.*,H48,2025-07-01,\n",
        "unit",
        "no known unit",
    ),
    (
        AUTHORITIES,
        "valid_from,valid_to\n",
        "valid_from,valid_to\n21028,DVC.*,H48,2025-07-01,2025-06-30\n",
        "valid_to",
        "ends before",
    ),
    (
        AUTHORITIES,
        "valid_from,valid_to\n",
        "valid_from,valid_to\n51,DVC.*,H48,2025-07-01,\n51,DVC.*,H50,2026-01-01,\n",
        "valid_from",
        "overlaps",
    ),
    ("obligations.csv", "DVC,commune", "DVD,commune", "dataset", "no known dataset"),
    ("obligations.csv", "month,in_period", "month,as_of", "basis", "does not allow"),
    ("obligations.csv", "2025-07-01,,", ",,", "valid_from", "empty"),
    ("obligations.csv", "2025-07-01,,", "2025-07-01,2025-01-01,", "valid_to", "ends before"),
    ("indicators.csv", "DVC.ONLINE_FULL,online", "DVC.ONLINE_SUBMIT,online", "code", "already"),
    ("indicators.csv", "DVC.ONLINE_FULL,online", "dvc.online,online", "code", "indicator code"),
    ("indicators.csv", ",ratio_flow,", ",ratio,", "kind", "none of"),
    ("indicators.csv", ",sum,sum,100,2,", ",sum,sum,1,2,", "factor", "ratio has a factor"),
    ("indicators.csv", ",sum,sum,100,2,", ",sum,sum,100,2.5,", "decimals", "whole number"),
    ("indicators.csv", ",sum,sum,100,2,", ",sum,sum,1e2,2,", "factor", "not a number"),
    ("indicators.csv", ",in_period;ytd,", ",in_period;yearly,", "allowed_bases", "no list"),
    ("indicators.csv", ",no,restate,0,100,", ",no,restate,101,100,", "value_maximum", "below"),
    ("indicators.csv", ",no,restate,0,100,", ",perhaps,restate,0,100,", "unbounded", "none of"),
    ("indicators.csv", ",no,restate,0,100,", ",no,ignore,0,100,", "late_policy", "none of"),
    ("indicators.csv", ",no,restate,1,,", ",yes,restate,1,,", "unbounded", "only a ratio"),
    (
        "indicators.csv",
        ",last,sum,1,0,commune,as_of,",
        ",sum,sum,1,0,commune,as_of,",
        "time_aggregation",
        "never",
    ),
    (
        "indicators.csv",
        ",none,none,1,0,nation,as_of,",
        ",none,sum,1,0,nation,as_of,",
        "space_aggregation",
        "never",
    ),
    ("indicators.csv", ",public_services,", ",private_services,", "system", "no known system"),
    ("indicators.csv", ",dossiers settled,", ",,", "denominator_label_en", "both languages"),
    (
        "targets.csv",
        "DVC.ONLINE_FULL,VN,2025",
        "DVC.ONLINE_ALL,VN,2025",
        "indicator_code",
        "no known indicator",
    ),
    ("targets.csv", "DVC.ONLINE_FULL,VN,2025", "DVC.ONLINE_FULL,97,2025", "unit", "no known unit"),
    ("targets.csv", "DVC.ONLINE_FULL,VN,2025", "DVC.ONLINE_FULL,VN,2025-13", "period", "not a period"),
    ("targets.csv", "DVC.ONLINE_FULL,VN,2025,ge", "DVC.ONLINE_FULL,VN,2025,gt", "comparator", "none of"),
    ("targets.csv", "ge,80,82,", "ge,80,79,", "exit_value", "wrong side"),
    ("targets.csv", "ge,80,82,", "ge,,82,", "value", "empty"),
    ("targets.csv", "ge,80,82,", "ge,180,182,", "value", "outside"),
    ("targets.csv", ",warning,in_period,", ",warning,as_of,", "basis", "does not allow"),
    ("targets.csv", ",warning,in_period,1,", ",warning,in_period,0,", "version", "out of range"),
    ("systems.csv", "INF.FIBRE_COMMUNE;", "INF.FIBRE;", "indicator_codes", "no known indicator"),
    ("systems.csv", ",000;001;002;003,", ",000;001;002;009,", "seeds", "no known source"),
    ("sources.csv", ",VN;08,", ",VN;07,", "units", "no known unit"),
    ("sources.csv", "2025-11-06", "06/11/2025", "publication_date", "not a date"),
    ("published_figures.csv", "002-4,002", "002-4,005", "source", "no known source"),
    ("published_figures.csv", "eq,72.63,", 'eq,"72,63",', "value", "not a number"),
    ("published_figures.csv", "eq,72.63,", "eq,172.63,", "value", "outside"),
    ("published_figures.csv", "eq,72.63,", "range,72.63,", "value_high", "range"),
    ("published_figures.csv", "range,98,99", "range,98,97", "value_high", "empty"),
    ("published_figures.csv", ",96,96,", ",96,,", "numerator", "come together"),
    ("published_figures.csv", "002-5,002,44", "002-5,002,45", "unit", "no known unit"),
    ("published_figures.csv", "high,002-4", "high,002-44", "part_of", "no known figure"),
    ("published_figures.csv", "as_of,2025-12-24", "as_of,1925-12-24", "as_of", "no period"),
    ("published_figures.csv", "as_of,2025-12-24", "ytd,2025-12-24", "basis", "does not allow"),
    ("tasks.csv", "T-51-02,51", "T-51-01,51", "id", "already"),
    ("tasks.csv", "T-51-02,51", "T-51-02,50", "unit", "no known unit"),
    ("tasks.csv", ",,1,assigned", ",,0,assigned", "count", "number of tasks"),
    ("routes.csv", "01,6,126", "01,12,126", "partition", "out of range"),
    ("routes.csv", "01,6,126", "03,6,126", "home", "no known unit"),
    ("status_rules.csv", ",100,90,", ",100,110,", "yellow_from_percent", "above green"),
    ("references.csv", "\n2,", "\n1,", "number", "already"),
    ("rules.yaml", RULE, RULE.replace("threshold", "treshold"), "kind", "none of"),
    ("rules.yaml", RULE, RULE.replace("version: 1", "version: one"), "version", "not a number"),
    ("rules.yaml", "[DVC.ONLINE_SUBMIT]", "[DVC.ONLINE_SEND]", "indicators", "no known indicator"),
    ("rules.yaml", "[DVC.ONLINE_SUBMIT]", "[]", "indicators", "at least one"),
    ("rules.yaml", "levels: [province]", "levels: [region]", "levels", "no list"),
    ("rules.yaml", "bases: [in_period, unstated]", "bases: [as_of]", "bases", "allows none"),
    ("rules.yaml", "min_completeness: 0.5", "min_completeness: 50", "min_completeness", "out of range"),
    ("rules.yaml", "id: on_time_share_below_target", "id: online_share_below_target", "id", "already"),
    ("rules.yaml", "thấp hơn mục tiêu {target}", "thấp hơn mục tiêu {limit}", "text_vi", "placeholder"),
    ("rules.yaml", "thấp hơn mục tiêu {target}", "thấp hơn mục tiêu {target", "text_vi", "cannot be read"),
]


@pytest.mark.parametrize(("file", "old", "new", "column", "message"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(
    file: str, old: str, new: str, column: str, message: str
) -> None:
    files = edited(file, old, new)
    changed = next(
        number
        for number, (one, two) in enumerate(
            zip(
                [*seed_files()[file].splitlines(), b""],
                [*files[file].splitlines(), b""],
                strict=False,
            ),
            1,
        )
        if one != two
    )
    found = [one for one in problems_of(files) if one.file == file and one.column == column]
    assert any(message in one.message for one in found), problems_of(files)
    # A rule is reported at its first line, another mistake in the changed row or the one after it.
    near = (changed, changed + 1) if file != "rules.yaml" else range(1, changed + 1)
    assert any(one.row in near for one in found if message in one.message)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_one_clear_problem(name: str) -> None:
    files = {key: content for key, content in seed_files().items() if key != name}
    assert Problem(name, 0, "", "file is missing") in problems_of(files)


@pytest.mark.parametrize(
    ("content", "row", "column", "message"),
    [
        (b"home,partition\n01,1\n", 1, "communes", "column is missing"),
        (b"home,partition,communes,note\n01,1,2,x\n", 1, "note", "column is unknown or occurs twice"),
        (b"home,partition,communes\n01,1\n", 2, "", "has 2 cells, the header has 3"),
        (b"home,partition,communes\n", 0, "", "has no rows"),
        (b"", 1, "home", "column is missing"),
        (b'home,partition,communes\n"01"x,1,2\n', 0, "", "is not CSV"),
        (b"home,partition,communes\n01,1,\xff\n", 2, "", "is not UTF-8"),
        ("home,partition,communes\n01,1,2\n\u0065\u0301,1,2\n".encode(), 3, "", "is not in Unicode NFC"),
    ],
)
def test_a_file_that_is_no_table(content: bytes, row: int, column: str, message: str) -> None:
    found = [one for one in problems_of(seed_files() | {"routes.csv": content}) if one.file == "routes.csv"]
    assert any((one.row, one.column) == (row, column) and message in one.message for one in found), found


@pytest.mark.parametrize(
    ("old", "new", "column", "message"),
    [
        ("  kind: threshold\n", "  kind: [threshold]\n", "kind", "must be a single value"),
        ("  kind: threshold\n", "", "kind", "field is missing"),
        ("  kind: threshold\n", "  kind: threshold\n  colour: red\n", "colour", "field is unknown"),
        ("  severities: []\n", "  severities: none\n", "severities", "must be a list"),
        ("  severities: []\n", "  severities: [{severity: info, enter: 1}]\n", "exit", "field is missing"),
        ("  severities: []\n", "  severities: [1]\n", "", "must be a mapping"),
        ("  levels: [province]\n", "  levels: province\n", "levels", "must be a list"),
        ("- id: online", "- id: [online", "", "is not YAML"),
    ],
)
def test_a_rule_of_the_wrong_shape(old: str, new: str, column: str, message: str) -> None:
    files = edited("rules.yaml", old, new)
    found = [one for one in problems_of(files) if one.file == "rules.yaml"]
    assert any(one.column == column and message in one.message and one.row > 0 for one in found), found


def test_rules_that_are_no_list() -> None:
    found = problems_of(seed_files() | {"rules.yaml": b"rules: none\n"})
    assert Problem("rules.yaml", 1, "", "must be a list of rules") in found


def test_severities_of_a_rule_are_graded_and_point_one_way() -> None:
    levels = ["{severity: info, enter: 60, exit: 50}", "{severity: critical, enter: 80, exit: 70}"]
    graded = "  severities:\n" + "".join(f"    - {level}\n" for level in levels)
    rule = parse_catalogue(edited("rules.yaml", "  severities: []\n", graded)).rules[0]
    assert [(one.severity, int(one.enter), int(one.exit)) for one in rule.severities] == [
        ("info", 60, 50),
        ("critical", 80, 70),
    ]
    wrong = graded.replace("exit: 70", "exit: 90")
    found = problems_of(edited("rules.yaml", "  severities: []\n", wrong))
    assert [one.column for one in found] == ["severities"]


def test_every_problem_is_reported_at_once() -> None:
    files = edited("targets.csv", "ge,80,82,", "ge,80,79,")
    files = edited("units.csv", UNIT, UNIT.replace("phuong", "tinh"), files)
    files = edited("rules.yaml", "[DVC.ONLINE_SUBMIT]", "[DVC.ONLINE_SEND]", files)
    del files["tasks.csv"]
    assert {one.file for one in problems_of(files)} >= {"targets.csv", "units.csv", "rules.yaml", "tasks.csv"}


def test_the_error_reads_as_a_list_for_people() -> None:
    with pytest.raises(CatalogueError, match=r"targets.csv row 3 exit_value: .*wrong side") as raised:
        row = "DVC.ONLINE_FULL,VN,2024,ge,50,"
        parse_catalogue(edited("targets.csv", row, row + "40"))
    assert str(raised.value).startswith("the catalogue has 1 problem(s):")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as raised:
        load_catalogue(tmp_path / "nowhere")
    missing = [one for one in raised.value.problems if "cannot be read" in one.message]
    assert sorted(one.file for one in missing) == sorted(FILES)


def test_the_version_is_the_content_wherever_it_lies(tmp_path: Path) -> None:
    for name, content in seed_files().items():
        (tmp_path / name).write_bytes(content)
    assert load_catalogue(tmp_path).version == seeds().version
    (tmp_path / "tasks.csv").write_bytes(seed_files()["tasks.csv"] + b"T-51-99,51,x,x,x,,1,,test\n")
    assert load_catalogue(tmp_path).version != seeds().version


def test_loading_takes_at_most_half_a_second() -> None:
    started = time.process_time()
    load_catalogue(SEEDS)
    assert time.process_time() - started <= 0.5


def test_a_catalogue_is_made_again_of_its_own_files() -> None:
    found = parse_catalogue(seed_files())
    again = parse_catalogue(found.files)
    assert again.files == found.files and again.version == found.version
    assert list(again.targets.all()) == list(found.targets.all()) and again.rules == found.rules
