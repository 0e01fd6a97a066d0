//! How the page looks.

/// The only style sheet. Colours of drawings have names, so that dark and print are changes of a few lines.
pub(super) const STYLE: &str = "
:root{--page:#f6f5f1;--card:#fff;--ink:#1d2126;--soft:#667;--line:#dddad2;--good:#1a7f4b;--bad:#c0312b;--open:#a86a00;--good-bg:#e5f4ea;
--bad-bg:#fbe6e4;--open-bg:#fbf0d9;--a:#2f6db5;--b:#c2571a;--c:#3b8f5a;--d:#8a4fb0;--e:#a8873a;--f:#3c8f95;--g:#b8487f;--shade:#c0312b14;--phase:#00000009}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--card:#1c2026;--ink:#e4e6ea;--soft:#98a0ac;--line:#343a43;--good:#5cc78c;--bad:#ff7a70;
--open:#e5ac4c;--good-bg:#15301f;--bad-bg:#3a1a18;--open-bg:#362a11;--a:#6aa9f0;--b:#f0935a;--c:#6fc990;--d:#c18be6;--e:#d9bb6c;--f:#6dc7cd;--g:#ee88b8;
--shade:#ff7a7022;--phase:#ffffff09}}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb}section,header,.cards>div{break-inside:avoid}details>summary{list-style:none}
main{max-width:none!important;padding:0!important}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}
header{border-radius:12px;padding:22px 26px;margin-bottom:18px;border-left:7px solid var(--good);background:var(--good-bg)}
header.failed{border-color:var(--bad);background:var(--bad-bg)}header.inconclusive{border-color:var(--open);background:var(--open-bg)}
header h1{margin:0;font-size:30px;line-height:1.2;letter-spacing:-.01em}header.passed h1{color:var(--good)}header.failed h1{color:var(--bad)}
header.inconclusive h1{color:var(--open)}header p{margin:6px 0 0}header ul{margin:8px 0 0;padding-left:20px}.over{color:var(--soft);font-size:13px;margin:0 0 6px!important}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 22px;margin:18px 0}
h2{font-size:18px;margin:0 0 12px}h3{font-size:14px;margin:20px 0 6px;color:var(--soft);font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(98px,1fr));gap:10px;margin:18px 0}
.cards>div{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:10px 12px}
.cards b{display:block;font-size:22px;line-height:1.25;font-variant-numeric:tabular-nums}.cards span{color:var(--soft);font-size:12px}
.cards .zero b{color:var(--good)}.cards .some b{color:var(--bad)}
dl{display:grid;grid-template-columns:max-content 1fr max-content 1fr;gap:4px 18px;margin:0}dd.wide{grid-column:2/-1}
@media(max-width:640px){dl{grid-template-columns:max-content 1fr}}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:14px}th{text-align:left;color:var(--soft);font-weight:600;font-size:12.5px}
th,td{padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child>td{border-bottom:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.w{white-space:nowrap}
.mark{display:inline-block;border-radius:99px;padding:1px 10px;font-size:12.5px;font-weight:600;white-space:nowrap}
.mark.pass{color:var(--good);background:var(--good-bg)}.mark.fail{color:var(--bad);background:var(--bad-bg)}
.mark.open{color:var(--open);background:var(--open-bg)}.mark.idle{color:var(--soft);background:var(--phase)}
details{margin:6px 0 2px}summary{cursor:pointer}.proof{margin:6px 0 10px;padding:8px 12px;background:var(--page);border-radius:8px;
font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,'DejaVu Sans Mono',monospace;overflow-wrap:anywhere;white-space:pre-wrap}
code{font:13px ui-monospace,SFMono-Regular,Menlo,'DejaVu Sans Mono',monospace;background:var(--page);border-radius:5px;padding:2px 6px;overflow-wrap:anywhere}
.soft{color:var(--soft)}svg{display:block;width:100%;height:auto;margin:2px 0}svg text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;
fill:var(--soft)}svg text.in{fill:var(--ink)}svg .grid{stroke:var(--line);stroke-width:1}svg .shade{fill:var(--shade)}svg .phase{fill:var(--phase)}
.ka{--k:var(--a)}.kb{--k:var(--b)}.kc{--k:var(--c)}.kd{--k:var(--d)}.ke{--k:var(--e)}.kf{--k:var(--f)}.kg{--k:var(--g)}.kgood{--k:var(--good)}
.kbad{--k:var(--bad)}.kopen{--k:var(--open)}svg .fill{fill:var(--k)}svg .area{fill:var(--k);fill-opacity:.18}
svg .stroke{fill:none;stroke:var(--k);stroke-width:1.7;stroke-linejoin:round}
.legend{display:flex;flex-wrap:wrap;gap:3px 16px;font-size:12.5px;color:var(--soft);margin:2px 0 4px}.legend i{display:inline-block;width:10px;height:10px;
border-radius:3px;background:var(--k);margin-right:6px}.bar{height:12px;border-radius:3px;background:var(--k);min-width:2px}
";
