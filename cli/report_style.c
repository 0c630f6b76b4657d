/* SPDX-License-Identifier: MIT */
/*
 * cli/report_style.c - how a report looks
 *
 * Colours: h is Hepta's, k the kernel's, l the limit, o others; each is at least 3 to 1 against
 * its background, text 4.5 to 1. Nothing depends on colour alone: marks have shapes, the
 * kernel's lines are dashed, verdicts are words. A page is never wider than its window; wide
 * tables scroll by themselves.
 */
#include "cli/report_page.h"

static const char colours[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#57606a;--card:#f6f8fa;"
    "--edge:#d0d7de;--grid:#dde2e8;--link:#0a58ca;--good:#116329;--bad:#b3261e;"
    "--h0:#1f5fd0;--h1:#0a7f7f;--h2:#7a3fc4;--h3:#a8327e;"
    "--k0:#c2410c;--k1:#b3261e;--k2:#8a5a00;--k3:#7c4a3a;--l0:#6b7280;--o0:#3f7a1d}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#0f1419;--fg:#e6edf3;--soft:#a3afbb;"
    "--card:#182028;--edge:#36414d;--grid:#2a343f;--link:#7ab7ff;--good:#6fdc8c;--bad:#ff8a80;"
    "--h0:#6ea8ff;--h1:#4fd1c5;--h2:#b99bff;--h3:#f08bc8;"
    "--k0:#ff9b5e;--k1:#ff7b86;--k2:#e0b34c;--k3:#d6a590;--l0:#9aa4b2;--o0:#8fd069}}\n"
    ".h0{color:var(--h0)}.h1{color:var(--h1)}.h2{color:var(--h2)}.h3{color:var(--h3)}"
    ".k0{color:var(--k0)}.k1{color:var(--k1)}.k2{color:var(--k2)}.k3{color:var(--k3)}"
    ".l0,.l1,.l2,.l3{color:var(--l0)}.o0,.o1,.o2,.o3{color:var(--o0)}\n";

static const char layout[] =
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--fg);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif}"
    "header,main,nav,footer{max-width:1160px;margin:0 auto;padding:0 16px}"
    "h1{font-size:1.75rem;line-height:1.2;margin:24px 0 8px}"
    "h2{font-size:1.35rem;margin:40px 0 8px}h3{font-size:1.05rem;margin:0}"
    "p{max-width:46em}a{color:var(--link)}"
    ".what,.on,figcaption,caption,footer{color:var(--soft)}"
    ".what{font-size:1rem;font-weight:400}.on{margin:0 0 8px;font-size:.9rem}"
    "nav ul{display:flex;flex-wrap:wrap;gap:2px 16px;padding:0;margin:8px 0;list-style:none}"
    "nav a{display:inline-block;padding:2px 0}"
    ".cards{display:grid;gap:16px;grid-template-columns:"
    "repeat(auto-fill,minmax(min(100%,480px),1fr))}"
    ".card{background:var(--card);border:1px solid var(--edge);border-radius:8px;"
    "padding:12px;min-width:0}"
    "figure{margin:0 auto;max-width:520px}"
    "figcaption{font-size:.85rem;margin:4px 0 8px}"
    ".note{border-left:4px solid var(--bad);padding:4px 12px;background:var(--card)}"
    ".scroll{overflow-x:auto;max-width:100%}"
    "details>summary{cursor:pointer;padding:6px 0}"
    ":focus-visible{outline:2px solid var(--link);outline-offset:2px}\n"
    "table{border-collapse:collapse;width:100%;font-size:.85rem;"
    "font-variant-numeric:tabular-nums}"
    "caption{text-align:left;font-size:.85rem;padding:4px 0}"
    "th,td{padding:4px 6px;text-align:right;border-bottom:1px solid var(--edge);"
    "vertical-align:top;white-space:nowrap}"
    "thead th{vertical-align:bottom;white-space:normal}"
    "th:first-child,td.word,th.word,.why{text-align:left}"
    "tbody th{font-weight:400;white-space:normal;min-width:6.5em}"
    "tbody th.kind{font-weight:600;padding-top:14px}"
    ".why,td.word{white-space:normal}"
    "small{color:var(--soft);font-size:.8rem}"
    ".good{color:var(--good)}.bad,small.bad{color:var(--bad)}"
    ".promises th:first-child{min-width:11em}"
    ".raw{font-size:.8rem}.raw td{white-space:nowrap}"
    ".wide{text-align:center}@media(max-width:700px){.wide{display:none}}"
    ".legend{display:flex;flex-wrap:wrap;gap:2px 14px;list-style:none;padding:0;margin:4px 0;"
    "color:var(--fg)}.legend li{display:flex;align-items:center;gap:6px}"
    "dl{display:grid;gap:0;margin:0}dl>div{display:grid;grid-template-columns:10em 1fr;gap:12px;"
    "padding:6px 0;border-bottom:1px solid var(--edge)}"
    "@media(max-width:600px){header,main,nav,footer{padding:0 10px}.card{padding:10px}"
    "th,td{padding:4px 3px}table{font-size:.8rem}tbody th{min-width:4.9em}}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"
    "@media(max-width:600px){dl>div{grid-template-columns:1fr;gap:0}}\n";

static const char drawing[] =
    "figure svg{display:block;width:100%;height:auto}"
    "svg.key{width:30px;height:14px;flex:none}th svg.key{width:14px}"
    "svg.margin{width:120px;height:14px;vertical-align:middle}"
    "svg text{fill:var(--fg);font-size:12.5px}svg .tick{fill:var(--soft);font-size:12px}"
    "svg .label{font-weight:600}"
    "line{stroke:currentColor}"
    "line.grid{stroke:var(--grid)}line.track{stroke:var(--edge)}"
    "line.even,line.bound{stroke:var(--fg);stroke-width:1.5}"
    "line.range{stroke-width:3}line.series{stroke-width:2}"
    "line.series.k0,line.series.k1,line.series.k2,line.series.k3{stroke-dasharray:6 4}"
    "line.series.l0,line.series.l1{stroke-dasharray:2 3}"
    "line.met{color:var(--good)}line.missed{color:var(--bad)}line.margin{stroke-width:5}"
    ".mark{fill:currentColor;stroke:currentColor;stroke-width:1.8}"
    ".mark.hollow{fill:var(--card)}\n"
    "@media(max-width:600px){svg text{font-size:14.5px}svg .tick{font-size:14px}}\n"
    "@media print{.card{break-inside:avoid}}\n";

void report_style(FILE *out)
{
    fputs("<style>\n", out);
    fputs(colours, out);
    fputs(layout, out);
    fputs(drawing, out);
    fputs("</style>\n", out);
}
