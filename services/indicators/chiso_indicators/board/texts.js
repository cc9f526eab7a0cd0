// Every word of the page, in Vietnamese and English. `t` answers in the language that is set.

const VI = {
  title: "Chỉ số Nghị quyết 57",
  subtitle: "34 tỉnh, thành phố: số liệu kèm mức độ đầy đủ và tính chính thức",
  language: "Ngôn ngữ", choose: "Chọn số liệu", refresh: "Tải lại",
  calendar: "Lịch", period: "Kỳ", basis: "Cách tính", family: "Nhóm chỉ số",
  administrative: "hành chính (ngày 15 đến ngày 14)", statistical: "thống kê (tháng dương lịch)",
  newest: "mới nhất của từng ô", any: "mọi cách tính",
  in_period: "trong kỳ", ytd: "lũy kế từ đầu năm", as_of: "tại thời điểm", unstated: "không nêu rõ",
  all: "tất cả", table_region: "Bảng tỉnh theo chỉ số", legend: "Chú giải",
  unit: "Tỉnh, thành phố", unit_below: "Đơn vị", alerts: "Cảnh báo đang mở",
  green: "đạt mục tiêu", yellow: "từ 90 % mục tiêu", red: "dưới mức đó", grey: "chưa đủ số liệu",
  provisional: "tạm thời", final: "chính thức", restated: "đã điều chỉnh",
  reported_of: "{n}/{m} đơn vị", no_obligation: "không có nghĩa vụ báo cáo", completeness: "mức độ đầy đủ",
  target: "mục tiêu", no_figure: "chưa có số liệu", loading: "Đang tải…",
  shown: "{n} số liệu của {m} đơn vị · {time}", nothing: "Chưa có số liệu nào cho lựa chọn này.",
  failed: "Không đọc được: {reason}", alerts_failed: "Hiện không đọc được cảnh báo.",
  no_alerts: "Không có cảnh báo nào đang mở.",
  critical: "nghiêm trọng", warning: "cảnh báo", info: "thông tin", since: "từ {time}",
  close: "Đóng", value: "Giá trị", computed: "tính từ báo cáo của đơn vị", reported: "đơn vị tự công bố",
  none: "không có", source: "Nguồn giá trị", discrepancy: "Chênh lệch với số công bố",
  attainment: "Mức đạt so với mục tiêu", on_time: "Đúng hạn", finality: "Tính chính thức",
  phase: "Giai đoạn", open: "đang diễn ra", collecting: "đang thu thập", closed: "đã chốt", reopened: "mở lại",
  version: "Phiên bản", vintage: "Lần công bố", updated: "Cập nhật", fraction: "Tử số / mẫu số",
  not_aggregable: "Không cộng được vì", trend: "Diễn biến", trend_note: "Mỗi điểm là một kỳ của cùng cách tính.",
  revisions: "Các lần báo cáo của ô này", no_revisions: "Đơn vị này không tự báo cáo ô này.",
  revision: "Lần", agency: "Cơ quan", accepted_at: "Tiếp nhận", outcome: "Kết quả", reason: "Lý do",
  submission: "Mã báo cáo", counts: "được tính", below: "Đơn vị báo cáo cấp dưới",
  missing: "Chưa báo cáo", code: "Mã", history: "Các phiên bản của số liệu", causes: "Nguyên nhân",
  valid_from: "Có hiệu lực từ", show: "Xem", no_below: "Không có báo cáo nào ở cấp dưới.",
  applied: "đã áp dụng", unchanged: "không đổi", superseded: "đã thay thế", shadow: "đối chiếu",
  held: "chờ duyệt", rejected: "bị từ chối", quarantined: "bị cách ly", withdraw: "rút lại", late: "muộn",
  report: "báo cáo", correct: "đính chính", reference: "thay đổi danh mục", hierarchy: "thay đổi đơn vị",
  backfill: "nạp số liệu cũ", NA: "không áp dụng",
};

const EN = {
  title: "Resolution 57 indicators",
  subtitle: "34 provinces and cities: figures with their completeness and finality",
  language: "Language", choose: "Choose figures", refresh: "Refresh",
  calendar: "Calendar", period: "Period", basis: "Basis", family: "Group",
  administrative: "administrative (15th to 14th)", statistical: "statistical (calendar month)",
  newest: "newest of each cell", any: "any basis",
  in_period: "in the period", ytd: "year to date", as_of: "as of a date", unstated: "not stated",
  all: "all", table_region: "Provinces by indicator", legend: "Legend",
  unit: "Province or city", unit_below: "Unit", alerts: "Firing alerts",
  green: "on target", yellow: "90 % of target or more", red: "below that", grey: "not enough data",
  provisional: "provisional", final: "final", restated: "restated",
  reported_of: "{n}/{m} units", no_obligation: "no reporting obligation", completeness: "completeness",
  target: "target", no_figure: "no figure", loading: "Loading…",
  shown: "{n} figures of {m} units · {time}", nothing: "There are no figures for this choice yet.",
  failed: "Cannot be read: {reason}", alerts_failed: "Alerts cannot be read at the moment.",
  no_alerts: "No alert is firing.",
  critical: "critical", warning: "warning", info: "info", since: "since {time}",
  close: "Close", value: "Value", computed: "computed from reporting units", reported: "published by the unit itself",
  none: "none", source: "Where the value comes from", discrepancy: "Difference from the published figure",
  attainment: "Attainment of the target", on_time: "On time", finality: "Finality",
  phase: "Phase", open: "running", collecting: "collecting", closed: "closed", reopened: "reopened",
  version: "Version", vintage: "Vintage", updated: "Updated", fraction: "Numerator / denominator",
  not_aggregable: "Not added up because", trend: "Trend", trend_note: "One point per period, all on the same basis.",
  revisions: "What was reported for this cell", no_revisions: "This unit does not report this cell itself.",
  revision: "Revision", agency: "Agency", accepted_at: "Accepted", outcome: "Outcome", reason: "Reason",
  submission: "Submission", counts: "counts", below: "Reporting units below",
  missing: "Not reported", code: "Code", history: "Versions of this figure", causes: "Causes",
  valid_from: "Valid from", show: "Show", no_below: "No unit below has reported.",
  applied: "applied", unchanged: "unchanged", superseded: "superseded", shadow: "shadow",
  held: "held", rejected: "rejected", quarantined: "quarantined", withdraw: "withdrawn", late: "late",
  report: "report", correct: "correction", reference: "catalogue change", hierarchy: "unit change",
  backfill: "backfill", NA: "not applicable",
};

const FAMILIES = {
  online_public_services: ["Dịch vụ công trực tuyến", "Online public services"],
  infrastructure: ["Hạ tầng số", "Digital infrastructure"], data_sharing: ["Chia sẻ dữ liệu", "Data sharing"],
  documents: ["Văn bản điện tử", "Electronic documents"], health: ["Y tế số", "Digital health"],
  digital_society: ["Xã hội số", "Digital society"], people: ["Tổ công nghệ số cộng đồng", "Community teams"],
  skills: ["Kỹ năng số", "Digital skills"], awareness: ["Tuyên truyền", "Awareness"],
  science_innovation: ["Khoa học và đổi mới sáng tạo", "Science and innovation"],
  party: ["Cơ quan Đảng", "Party bodies"], national: ["Quốc gia", "National"],
  index: ["Bộ chỉ số", "Indices"], tasks: ["Nhiệm vụ", "Tasks"], plan: ["Kế hoạch", "Plans"],
  reporting: ["Chế độ báo cáo", "Reporting"], security: ["An toàn thông tin", "Security"],
  register: ["Văn bản chính sách", "Policy register"], noise: ["Khác", "Other"],
};

let language = "vi";

export const lang = () => language;
export const setLang = (wanted) => { language = wanted === "en" ? "en" : "vi"; };

/** The word for `key`; unknown keys stand for themselves. */
export function t(key, values = {}) {
  const text = (language === "vi" ? VI : EN)[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** `name_vi` or `name_en` of a thing of the catalogue, its code if it is unknown. */
export function nameOf(thing, code) {
  if (!thing) return code;
  return (language === "vi" ? thing.name_vi : thing.name_en || thing.name_vi) || code;
}

export const familyName = (family) => FAMILIES[family]?.[language === "vi" ? 0 : 1] ?? family;
