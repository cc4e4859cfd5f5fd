/** The page's style. Colours hold a contrast of 4.5 for text in both themes; paper gets the light one. */
const light = `--page:#f7f7f5;--card:#fff;--ink:#1d2126;--soft:#5b636d;--line:#e3e4e0;--fill:#eef0ee;--accent:#2f5d8a;
--good:#2e6b3e;--warn:#8a5a00;--bad:#a8281f;--good-bg:#e6f1e8;--warn-bg:#fbf0d9;--bad-bg:#fbe6e3;
--read:#4c84b6;--compute:#7a6bb0;--write:#c98a3c;--query:#5a9a8b;--idle:#d6d9d5;
--h0:#dfe8f0;--h1:#b9d0e4;--h2:#8bb2d3;--h3:#5b90be;--h4:#356c9e;--h5:#c2453a`;
const dark = `--page:#15181b;--card:#1d2125;--ink:#e6e8ea;--soft:#a1a9b2;--line:#31373d;--fill:#262b30;--accent:#8db8e0;
--good:#86c795;--warn:#e2b45c;--bad:#f0938a;--good-bg:#1d3224;--warn-bg:#382c14;--bad-bg:#3d201d;
--read:#6ea3d1;--compute:#9d8fd2;--write:#d9a35c;--query:#74b5a6;--idle:#3a4147;
--h0:#253341;--h1:#2f4a63;--h2:#3d6689;--h3:#5585ae;--h4:#7fadd2;--h5:#e2695e`;

export const pageStyle = `
:root{color-scheme:light dark;${light}}
@media screen and (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:24px 20px 64px}
header{margin-bottom:20px}
h1{font-size:26px;line-height:1.25;margin:0;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:17px;margin:0 0 4px;font-weight:650}
h3{font-size:14px;margin:20px 0 6px;font-weight:650;overflow-wrap:anywhere}
p{margin:0 0 10px}
.soft{color:var(--soft)}.small{font-size:13px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin:0 0 16px;break-inside:avoid-page}
.verdict{border-left:5px solid var(--edge);padding:18px 20px}
.verdict.success{--edge:var(--good)}.verdict.partial{--edge:var(--warn)}.verdict.failed{--edge:var(--bad)}
.verdict p{font-size:17px;margin:8px 0 0}
.chip{display:inline-block;font-size:12px;font-weight:700;letter-spacing:.05em;padding:2px 9px;border-radius:99px;text-transform:uppercase;vertical-align:3px;margin-right:8px}
.chip.success,.chip.passed{color:var(--good);background:var(--good-bg)}.chip.partial,.chip.warning{color:var(--warn);background:var(--warn-bg)}
.chip.failed,.chip.critical{color:var(--bad);background:var(--bad-bg)}.chip.note{color:var(--soft);background:var(--fill)}
ul.findings{list-style:none;margin:14px 0 0;padding:0}ul.findings li{padding:5px 0;border-top:1px solid var(--line);overflow-wrap:anywhere}
.error{background:var(--bad-bg);border-radius:8px;padding:10px 14px;margin-top:12px;overflow-wrap:anywhere}.error code{color:var(--bad);font-weight:650}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:1px;background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden;margin-bottom:16px}
.tile{background:var(--card);padding:12px 16px}.tile dt{color:var(--soft);font-size:13px}.tile dd{margin:0;font-size:21px;font-weight:600;line-height:1.3}
.tile small{display:block;font-size:12px;font-weight:400;color:var(--soft)}
dl{margin:0}
.wide{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{font-weight:600;color:var(--soft);text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:bottom}
td{padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
.n{text-align:right;white-space:nowrap}td.n+td:not(.n),th.n+th:not(.n){padding-left:10px}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
td code,li code{overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--fill);padding:12px 14px;border-radius:8px;margin:8px 0 0}
svg{display:block;max-width:100%;height:auto;overflow:visible}.wide svg{max-width:none}.wide.fit svg{max-width:100%}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--ink)}svg .t{fill:var(--soft);font-size:11px}
svg .b{font-weight:600}.grid{stroke:var(--line);stroke-width:1;fill:none}
.read{fill:var(--read)}.compute{fill:var(--compute)}.write{fill:var(--write)}.query,.program{fill:var(--query)}.idle{fill:var(--idle)}
.h0{fill:var(--h0)}.h1{fill:var(--h1)}.h2{fill:var(--h2)}.h3{fill:var(--h3)}.h4{fill:var(--h4)}.h5{fill:var(--h5)}
.bar{fill:var(--read)}.usual{stroke:var(--ink);stroke-width:1;stroke-dasharray:4 3;opacity:.65;fill:none}
.ok{fill:var(--good)}.mid{fill:var(--warn)}.no{fill:var(--bad)}.dim{opacity:.45}.track{fill:var(--fill)}
.node{fill:var(--fill);stroke:var(--line)}.edge{fill:none;stroke:var(--soft);stroke-width:1.2;opacity:.6}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:12.5px;color:var(--soft);margin:6px 0 10px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:4px 32px}
.reasons{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:12px 32px;margin-bottom:14px}.reasons td{white-space:nowrap}details{margin-top:10px}summary{cursor:pointer;color:var(--accent);font-size:13.5px}summary:focus-visible{outline:2px solid var(--accent);outline-offset:3px}
footer{color:var(--soft);font-size:12.5px;text-align:center;margin-top:24px}
nav{font-size:13px;margin-top:8px}nav a{color:var(--accent);margin-right:14px;text-decoration:none}nav a:hover{text-decoration:underline}
@media(max-width:760px){main{padding:14px 12px 40px}section{padding:14px}h1{font-size:21px}.verdict p{font-size:15.5px}.tile dd{font-size:18px}.tiles{grid-template-columns:1fr 1fr}.reasons{grid-template-columns:1fr}}
@page{margin:12mm}
@media print{body{background:#fff;font-size:11px}main{max-width:none;padding:0}nav{display:none}section{break-inside:auto;padding:12px 14px}section,.tiles{border-color:#ccc}
.verdict,.tiles,tr,svg{break-inside:avoid}h2,h3,thead{break-after:avoid}.tiles{grid-template-columns:repeat(4,1fr)}.tile{padding:8px 12px}.tile dd{font-size:16px}.verdict p{font-size:13px}.soft,.small{font-size:11px}
table,summary,.legend,.tile dt,.tile small{font-size:10.5px}th,td{padding:3px 7px 3px 0}th,.reasons td{white-space:normal}code,pre{font-size:10px}td svg{max-width:110px!important}.reasons{grid-template-columns:1fr 1fr}
summary{color:var(--ink);list-style:none}details::details-content{content-visibility:visible}.wide{overflow:visible}.wide svg{max-width:100%}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`.replaceAll("\n", "");
