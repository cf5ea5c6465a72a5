#include "emulator/page_html.h"

namespace tenantseal::emulator {
namespace {

std::string Document(std::string_view title, std::string_view body) {
  std::string out = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>)";
  out += HtmlText(title);
  out += R"( - Emulated AWS</title>
<link rel="stylesheet" href="/_emulator/page.css">
</head>
<body>
<p class="banner" role="note"><strong>Emulated AWS.</strong> Nothing here is a real account or key.
Never use it for data that matters.</p>
<main>
)";
  out += body;
  out += "</main>\n</body>\n</html>\n";
  return out;
}

std::string KeyLink(const Key& key, std::string_view text) {
  return "<a href=\"/_emulator/keys?arn=" + QueryText(key.arn()) + "\">" + HtmlText(text) + "</a>";
}

std::string StateHtml(const Key& key) {
  const std::string_view name = KeyStateName(key.state);
  return "<span class=\"state" + std::string(key.state == KeyState::kEnabled ? " good" : "") +
         "\">" + std::string(name) + "</span>";
}

std::string AliasesOf(const Key& key, const Contents& contents) {
  std::string out;
  for (const auto& [arn, alias] : contents.aliases) {
    if (alias->account != key.account || alias->region != key.region || alias->key_id != key.id)
      continue;
    out += (out.empty() ? "" : ", ") + alias->name;
  }
  return out;
}

std::string KindOf(const Key& key) {
  if (!key.multi_region) return "single region";
  return key.primary() ? "multi-region, primary" : "multi-region, replica";
}

void AppendRow(std::string_view name, const std::string& html, std::string& out) {
  out.append("<dt>").append(name).append("</dt><dd>").append(html).append("</dd>\n");
}

// The other regions' keys, which have policies of their own.
std::string OthersHtml(const KeyPage& page) {
  std::string out;
  for (const auto& other : page.related) {
    if (other->arn() == page.key.arn()) continue;
    out += (out.empty() ? "" : ", ") + KeyLink(*other, other->region);
  }
  return out;
}

std::string ButtonHtml(const KeyPage& page) {
  const bool enabled = page.key.state == KeyState::kEnabled;
  if (!enabled && page.key.state != KeyState::kDisabled) return "";
  return std::string(R"(<button name="action" value=")") + (enabled ? "disable" : "enable") +
         "\">" + (enabled ? "Disable key" : "Enable key") + "</button>\n";
}

}  // namespace

std::string HtmlText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string QueryText(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == ':' || c == '/';
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string KeyListHtml(const std::vector<std::shared_ptr<const Key>>& keys,
                        const Contents& contents) {
  std::string body = "<h1>KMS keys</h1>\n";
  if (keys.empty()) return Document("KMS keys", body + "<p>There are no keys yet.</p>\n");
  body +=
      "<p>Open a key to read or change its policy, or to disable it.</p>\n<div class=\"wide\">"
      "<table>\n<thead><tr><th>Key ARN</th><th>Region</th><th>Kind</th><th>Alias</th>"
      "<th>State</th></tr></thead>\n<tbody>\n";
  for (const auto& key : keys) {
    body += "<tr><td class=\"code\">" + KeyLink(*key, key->arn()) + "</td><td>" +
            HtmlText(key->region) + "</td><td>" + KindOf(*key) + "</td><td>" +
            HtmlText(AliasesOf(*key, contents)) + "</td><td>" + StateHtml(*key) + "</td></tr>\n";
  }
  return Document("KMS keys", body + "</tbody>\n</table></div>\n");
}

std::string KeyPageHtml(const KeyPage& page) {
  const Key& key = page.key;
  const std::string others = OthersHtml(page);
  std::string body = "<p><a href=\"/_emulator/\">All keys</a></p>\n<h1>Key policy</h1>\n";
  if (!page.done.empty())
    body += "<p class=\"done\" role=\"status\">" + HtmlText(page.done) + "</p>\n";
  if (!page.refused.empty())
    body += "<p class=\"refused\" role=\"alert\">" + HtmlText(page.refused) + "</p>\n";
  body += "<dl>\n";
  AppendRow("Key ARN", "<span class=\"code\">" + HtmlText(key.arn()) + "</span>", body);
  AppendRow("Kind", KindOf(key), body);
  if (!others.empty()) AppendRow("Other regions", others, body);
  if (!key.description.empty()) AppendRow("Description", HtmlText(key.description), body);
  AppendRow("State", StateHtml(key), body);
  body += "</dl>\n<form method=\"post\" action=\"/_emulator/keys\">\n";
  body += "<input type=\"hidden\" name=\"token\" value=\"" + HtmlText(page.token) + "\">\n";
  body += "<input type=\"hidden\" name=\"arn\" value=\"" + HtmlText(key.arn()) + "\">\n";
  body +=
      "<label for=\"policy\">Policy</label>\n<p id=\"hint\">Paste a whole policy in the place of "
      "this "
      "one, or a list of statements, [...], which are added to it.</p>\n<textarea id=\"policy\" "
      "name=\"policy\" rows=\"30\" aria-describedby=\"hint\" spellcheck=\"false\" "
      "autocomplete=\"off\">\n" +
      HtmlText(page.policy) + "</textarea>\n";
  if (!others.empty()) {
    body +=
        "<p><label><input type=\"checkbox\" name=\"everywhere\" value=\"yes\" checked> Save it "
        "for the other regions too: AWS keeps the policies of a multi-region key apart"
        "</label></p>\n";
  }
  body +=
      "<p class=\"buttons\"><button class=\"main\" name=\"action\" value=\"save\">Save policy"
      "</button>\n" +
      ButtonHtml(page) + "</p>\n</form>\n";
  return Document(key.id, body);
}

std::string MessageHtml(std::string_view heading, std::string_view text) {
  return Document(heading, "<h1>" + HtmlText(heading) + "</h1>\n<p>" + HtmlText(text) +
                               "</p>\n<p><a href=\"/_emulator/\">All keys</a></p>\n");
}

const std::string_view kPageCss =
    R"(:root { color-scheme: light dark; --line: #8886; --main: #8a3b00;
  --good: #1a6b2f; --bad: #a3151f; }
@media (prefers-color-scheme: dark) { :root { --main: #ffb070; --good: #7fd897; --bad: #ff9a9a; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
.banner { margin: 0; padding: .6rem 1rem; background: #8a3b00; color: #fff; }
main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; }
a { color: var(--main); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .5rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td.code { white-space: normal; min-width: 16rem; }
.code, textarea { font-family: ui-monospace, monospace; font-size: .875rem;
  overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dd { margin: 0; }
.state { color: var(--bad); font-weight: 600; }
.state.good { color: var(--good); }
textarea { display: block; width: 100%; padding: .5rem; tab-size: 2; }
label { font-weight: 600; }
label input { width: 1.1rem; height: 1.1rem; vertical-align: middle; }
button { font: inherit; padding: .5rem 1rem; border: 1px solid var(--main); border-radius: .25rem;
  background: none; color: var(--main); cursor: pointer; min-height: 2.75rem; }
button.main { background: #8a3b00; color: #fff; }
.buttons { display: flex; gap: .75rem; flex-wrap: wrap; }
.done, .refused { padding: .6rem 1rem; border-left: .3rem solid var(--good); background: #8882; }
.refused { border-color: var(--bad); white-space: pre-wrap; }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
)";

}  // namespace tenantseal::emulator
