"""What the door says is wrong: one error code and the sentence in both languages for each rule. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chiso_shared.contracts.problem import ErrorCode


@dataclass(frozen=True, slots=True)
class Text:
    """An error code of contract §2 and its sentence; `{names}` in it are filled in by the finder."""

    code: ErrorCode
    en: str
    vi: str


# The bytes
NOT_UTF8: Final = Text("malformed", "the body is not UTF-8 text", "nội dung không phải văn bản UTF-8")
NOT_JSON: Final = Text(
    "malformed",
    "the body is not one JSON document: {detail}",
    "nội dung không phải một tài liệu JSON: {detail}",
)
TOO_DEEP: Final = Text(
    "malformed", "the JSON is nested deeper than {limit} levels", "JSON lồng nhau sâu hơn {limit} mức"
)
REPEATED_KEY: Final = Text(
    "malformed",
    "the field {name} stands twice in one object",
    "trường {name} xuất hiện hai lần trong một đối tượng",
)
NOT_CSV: Final = Text("malformed", "the body is not CSV: {detail}", "nội dung không phải CSV: {detail}")
RAGGED_ROW: Final = Text(
    "malformed",
    "the row has {found} cells where the header has {expected}",
    "dòng có {found} ô trong khi dòng tiêu đề có {expected} ô",
)
REPEATED_COLUMN: Final = Text(
    "malformed", "the column {name} stands twice in the header", "cột {name} xuất hiện hai lần ở dòng tiêu đề"
)
DISAGREEING_ROWS: Final = Text(
    "malformed",
    "a document field must be the same in every row and in the query",
    "trường của tài liệu phải giống nhau ở mọi dòng và trong tham số truy vấn",
)
TOO_MANY_LINES: Final = Text(
    "malformed", "the body has more than {limit} lines", "nội dung có hơn {limit} dòng"
)
EMPTY_BODY: Final = Text("malformed", "the body holds no submission", "nội dung không có báo cáo nào")
FORBIDDEN_CHARACTER: Final = Text(
    "malformed",
    "the text holds a NUL character or half of a surrogate pair",
    "chuỗi chứa ký tự NUL hoặc nửa cặp thay thế (surrogate)",
)

# Fields
MISSING: Final = Text("missing_field", "the field is required", "thiếu trường bắt buộc")
MISSING_NUMBERS: Final = Text(
    "missing_field", "a report needs its number", "báo cáo cần có số liệu ở trường này"
)
NO_OBSERVATIONS: Final = Text(
    "missing_field",
    "a submission needs at least one observation",
    "báo cáo phải có ít nhất một quan sát",
)
UNKNOWN_FIELD: Final = Text("unknown_field", "there is no such field", "không có trường này")
UNKNOWN_PARAMETER: Final = Text(
    "unknown_field", "there is no query parameter {name} here", "không có tham số truy vấn {name} ở đây"
)
PARAMETER_OUT_OF_RANGE: Final = Text(
    "out_of_range", "the query parameter {name} has an unknown value", "tham số truy vấn {name} có giá trị lạ"
)
WRONG_TYPE: Final = Text(
    "wrong_type", "must be {expected_en}, not {found_en}", "phải là {expected_vi}, không phải {found_vi}"
)
UNREADABLE_NUMBER: Final = Text(
    "wrong_type", "cannot be read as one number", "không đọc được thành một con số duy nhất"
)
NOT_A_UUID: Final = Text("malformed", "must be a UUID", "phải là một UUID")
NOT_A_DATE: Final = Text("malformed", "must be a date, YYYY-MM-DD", "phải là ngày dạng YYYY-MM-DD")
NOT_AN_AGENCY: Final = Text(
    "malformed",
    "must be an agency code: capital letters, digits and dots, at most 35 characters",
    "phải là mã cơ quan: chữ hoa, chữ số và dấu chấm, tối đa 35 ký tự",
)
NOT_AN_ADDRESS: Final = Text(
    "malformed",
    "must be an address that begins with http:// or https://",
    "phải là địa chỉ http:// hoặc https://",
)
UNKNOWN_WORD: Final = Text(
    "out_of_range", "must be one of the words of this field", "phải là một trong các giá trị cho phép"
)
TOO_LONG: Final = Text(
    "out_of_range", "the text is longer than {limit} characters", "chuỗi dài hơn {limit} ký tự"
)
PILED_MARKS: Final = Text(
    "out_of_range",
    "more than {most} combining marks follow each other",
    "quá {most} dấu kết hợp liền nhau",
)
DATE_OUT_OF_RANGE: Final = Text(
    "out_of_range", "the year must lie between {first} and {last}", "năm phải từ {first} đến {last}"
)
AS_OF_OUTSIDE_PERIOD: Final = Text(
    "out_of_range",
    "the date must lie inside the period, {start} to {end}",
    "ngày phải nằm trong kỳ báo cáo, từ {start} đến {end}",
)
REVISION_OUT_OF_RANGE: Final = Text(
    "out_of_range", "must be a whole number from 0 to {limit}", "phải là số nguyên từ 0 đến {limit}"
)
NEGATIVE: Final = Text("out_of_range", "must be 0 or more", "phải lớn hơn hoặc bằng 0")
TOO_LARGE: Final = Text("out_of_range", "must be less than 10^15", "phải nhỏ hơn 10^15")
TOO_PRECISE: Final = Text(
    "out_of_range",
    "must have at most 15 significant digits and 6 decimals",
    "tối đa 15 chữ số có nghĩa và 6 chữ số thập phân",
)
VALUE_OUT_OF_BOUNDS: Final = Text(
    "out_of_range", "lies outside what the indicator allows", "nằm ngoài khoảng cho phép của chỉ tiêu"
)
RANGE_REVERSED: Final = Text(
    "out_of_range", "value_high must not be below value", "value_high không được nhỏ hơn value"
)
TOO_MANY: Final = Text(
    "too_many_observations",
    "a submission holds at most {limit} observations",
    "một báo cáo có tối đa {limit} quan sát",
)
REASON_REQUIRED: Final = Text(
    "reason_required", "a revision above 0 needs a reason", "bản sửa đổi (revision > 0) phải nêu lý do"
)

# Against the catalogue
UNKNOWN_UNIT: Final = Text("unknown_unit", "no unit has this code", "không có đơn vị nào mang mã này")
UNIT_NOT_VALID: Final = Text(
    "unit_not_valid_in_period",
    "the unit does not exist at the end of the period, {end}",
    "đơn vị không tồn tại vào ngày cuối kỳ, {end}",
)
UNKNOWN_INDICATOR: Final = Text(
    "unknown_indicator", "no indicator has this code", "không có chỉ tiêu nào mang mã này"
)
UNKNOWN_PERIOD: Final = Text(
    "unknown_period", "the calendar has no such period", "lịch báo cáo không có kỳ này"
)
PERIOD_IN_FUTURE: Final = Text(
    "period_in_future", "the period begins only on {start}", "kỳ báo cáo đến {start} mới bắt đầu"
)
BASIS_NOT_ALLOWED: Final = Text(
    "basis_not_allowed",
    "the indicator is not reported on the basis {basis}",
    "chỉ tiêu không được báo cáo theo cơ sở {basis}",
)
NOT_AUTHORITATIVE: Final = Text(
    "not_authoritative_level",
    "a {level} does not report this indicator: its reports come from the level {source_level}",
    "đơn vị cấp {level_vi} không báo cáo chỉ tiêu này: số liệu do cấp {source_level_vi} báo cáo",
)
FRACTION_OF_NO_RATIO: Final = Text(
    "kind_mismatch",
    "an indicator of the kind {kind} is reported by its value",
    "chỉ tiêu loại {kind} được báo cáo bằng value",
)
FRACTION_AND_VALUE: Final = Text(
    "kind_mismatch",
    "a ratio is reported by numerator and denominator, or by value alone, not by both",
    "tỷ lệ được báo cáo bằng tử số và mẫu số, hoặc chỉ bằng value, không dùng cả hai",
)
UNSTATED_FRACTION: Final = Text(
    "kind_mismatch",
    "a figure on the basis unstated has a value only",
    "số liệu theo cơ sở unstated chỉ có value",
)
QUALIFIED_FRACTION: Final = Text(
    "kind_mismatch",
    "a qualifier belongs to a value, not to numerator and denominator",
    "qualifier chỉ dùng với value, không dùng với tử số và mẫu số",
)
NUMBERS_NOT_ALLOWED: Final = Text(
    "kind_mismatch",
    "a withdrawal and the status NA carry no numbers",
    "báo cáo rút lại và trạng thái NA không kèm số liệu",
)
VALUE_HIGH_WITHOUT_RANGE: Final = Text(
    "kind_mismatch",
    "value_high goes with the qualifier range only",
    "value_high chỉ dùng với qualifier range",
)
NUMERATOR_EXCEEDS: Final = Text(
    "numerator_exceeds_denominator",
    "the numerator is greater than the denominator {denominator}",
    "tử số lớn hơn mẫu số {denominator}",
)
DUPLICATE_CELL: Final = Text(
    "duplicate_cell",
    "the unit and indicator already stand in observation {first}",
    "đơn vị và chỉ tiêu này đã có ở quan sát {first}",
)

# Against the key
OTHER_AGENCY: Final = Text("out_of_scope", "the key belongs to another agency", "khóa thuộc về cơ quan khác")
UNIT_OUT_OF_SCOPE: Final = Text(
    "out_of_scope", "the key may not report this unit", "khóa không được báo cáo cho đơn vị này"
)
INDICATOR_OUT_OF_SCOPE: Final = Text(
    "out_of_scope", "the key may not report this indicator", "khóa không được báo cáo chỉ tiêu này"
)
ACTION_OUT_OF_SCOPE: Final = Text(
    "out_of_scope", "the key does not have the action {action}", "khóa không có quyền {action}"
)
