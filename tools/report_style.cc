#include "tools/report_style.h"

namespace longbow::tools {

// Eight hues that stay apart for colour-blind readers, stepped for either background.
const std::string_view kReportStyle = R"css(
:root { color-scheme: light dark; --page: #f6f6f3; --card: #ffffff; --ink: #14181f; --soft: #59616e; --faint: #e4e5e1; --line: #d8dad5;
  --c0: #2a78d6; --c1: #d9591c; --c2: #12906a; --c3: #b98000; --c4: #c9518b; --c5: #4a3aa7; --c6: #c93635; --c7: #487b1c; }
@media (prefers-color-scheme: dark) { :root { --page: #12151a; --card: #1a1e25; --ink: #eef0f3; --soft: #9aa3b0; --faint: #2a3039; --line: #333a45;
  --c0: #5b9dee; --c1: #f0824c; --c2: #35b98d; --c3: #d9a62e; --c4: #e57fb1; --c5: #9387ea; --c6: #ee6a68; --c7: #85b854; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1200px; margin: 0 auto; padding: 36px 24px 60px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0; letter-spacing: -.02em; }
h2 { font-size: 17px; margin: 40px 0 14px; letter-spacing: -.01em; }
.lead { color: var(--soft); margin: 6px 0 0; max-width: 85ch; }
.note { border-left: 3px solid var(--c3); padding: 2px 12px; margin: 14px 0 0; color: var(--soft); }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 24px; }
.card { background: var(--card); border: 1px solid var(--faint); border-radius: 10px; padding: 13px 16px; flex: 1 1 140px; }
.card span { color: var(--soft); font-size: 13px; display: block; }
.card b { font-size: 22px; line-height: 1.3; letter-spacing: -.02em; white-space: nowrap; }
.card small { color: var(--soft); display: block; font-size: 12.5px; line-height: 1.35; }
.card.hero { flex: 1.7 1 250px; } .card.hero b { color: var(--c0); font-size: 30px; }
.grid { display: grid; grid-template-columns: repeat(6, 1fr); gap: 14px; }
figure { margin: 0; grid-column: span 2; background: var(--card); border: 1px solid var(--faint); border-radius: 10px; padding: 13px 14px 8px; min-width: 0; }
figure.wide { grid-column: span 3; }
figure.full { grid-column: span 6; }
figcaption { font-size: 14.5px; display: flex; flex-wrap: wrap; align-items: baseline; column-gap: 10px; }
figcaption .now { margin-left: auto; font-weight: 600; }
figcaption small { color: var(--soft); font-size: 12.5px; flex-basis: 100%; line-height: 1.4; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 12.5px; color: var(--soft); flex-basis: 100%; margin-top: 3px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; background: var(--c); margin-right: 5px; }
.legend em { font-style: normal; color: var(--ink); font-weight: 600; }
svg { display: block; width: 100%; height: auto; margin-top: 6px; overflow: visible; }
svg text { fill: var(--soft); font-size: 11px; }
svg text.row { fill: var(--ink); font-size: 13px; }
svg text.mark { font-size: 10.5px; }
.grid line.grid, line.grid { stroke: var(--faint); stroke-width: 1; }
line.mark { stroke: var(--line); stroke-dasharray: 3 3; }
line.hair { stroke: var(--soft); stroke-width: 1; }
path.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
path.raw { stroke-width: 1; opacity: .3; }
path.area { fill: var(--c); opacity: .82; stroke: var(--card); stroke-width: .8; }
circle { fill: var(--c); } [hidden] { display: none; }
line.way { stroke: var(--c); stroke-width: 1; stroke-dasharray: 2 4; }
line.whisker { stroke: var(--c); stroke-width: 3; stroke-linecap: round; opacity: .45; }
.before circle { fill: var(--card); stroke: var(--c); stroke-width: 2; }
.sample { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; margin-bottom: 14px; }
.sample h3 { grid-column: span 2; font-size: 14.5px; margin: 8px 0 -6px; }
.column { background: var(--card); border: 1px solid var(--faint); border-radius: 10px; padding: 12px 14px; min-width: 0; }
.column > small { color: var(--soft); }
.completion { border-top: 1px solid var(--faint); padding: 8px 0 6px; margin-top: 8px; }
.completion pre { margin: 4px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  max-height: 190px; overflow: auto; }
.pill { font-size: 12px; font-weight: 600; border-radius: 99px; padding: 1px 9px; color: var(--card); background: var(--c6); }
.pill.right { background: var(--c2); } .pill.partly { background: var(--c3); }
.completion code { color: var(--soft); font-size: 12.5px; margin-left: 8px; overflow-wrap: anywhere; }
details { background: var(--card); border: 1px solid var(--faint); border-radius: 10px; padding: 10px 16px; margin-bottom: 10px; }
summary { cursor: pointer; font-weight: 600; }
details pre { overflow: auto; font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--faint); border-radius: 10px; overflow: hidden; }
th, td { text-align: right; padding: 8px 14px; border-top: 1px solid var(--faint); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: 13px; border: 0; } th:first-child, td:first-child { text-align: left; }
td i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; background: var(--c); margin-right: 8px; }
.scroll { overflow-x: auto; }
#tip { position: fixed; pointer-events: none; background: var(--ink); color: var(--page); font-size: 12.5px; line-height: 1.45; border-radius: 7px; padding: 6px 10px;
  white-space: nowrap; z-index: 2; } #tip i { display: inline-block; width: 8px; height: 8px; border-radius: 2px; margin-right: 6px; }
footer { color: var(--soft); font-size: 13px; margin-top: 36px; }
@media (max-width: 860px) { figure, figure.wide { grid-column: span 6; } .sample { grid-template-columns: 1fr; } .sample h3 { grid-column: span 1; } main { padding: 22px 14px; } }
figure.full { overflow-x: auto; } figure.full > svg { min-width: 680px; }
@media print { body { background: none; } #tip { display: none; } }
)css";

const std::string_view kItemPageStyle = R"css(
figure { --c: var(--c0); } .grid { grid-template-columns: repeat(4, 1fr); } figure { grid-column: span 1; } figure.full { grid-column: span 4; }
@media (max-width: 860px) { .grid { grid-template-columns: 1fr; } figure, figure.full { grid-column: span 1; } } h3 { font-size: 15px; margin: 22px 0 10px; }
h2 small { color: var(--soft); font-weight: 400; font-size: 14px; margin-left: 8px; }
rect.bar { fill: var(--c); } rect.allowed { fill: var(--faint); opacity: .6; } line.even { stroke: var(--c1); stroke-width: 1.5; stroke-dasharray: 5 4; }
line.chance { stroke: var(--c1); stroke-width: 1.5; } .bot { --c: var(--c0); } .bot.caught { --c: var(--c6); } svg text.value { fill: var(--ink); }
details.item summary { font-weight: 400; } details.item summary b { font-weight: 600; } details.item dl { margin: 10px 0 0; display: grid; grid-template-columns: 88px 1fr; gap: 6px 14px; }
details.item dt { color: var(--soft); font-size: 13px; padding-top: 1px; } details.item dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.context { white-space: pre-wrap; max-height: 420px; overflow: auto; font-size: 13.5px; line-height: 1.55; color: var(--soft); }
.context mark { background: color-mix(in srgb, var(--c3) 28%, transparent); color: var(--ink); border-radius: 3px; padding: 1px 2px; }
.context .gap { color: var(--soft); font-style: italic; } details.item ol { margin: 0; padding-left: 20px; } details.item dd b { white-space: pre-line; }
td.bad { color: var(--c6); font-weight: 600; }
details.item .pill { margin-right: 8px; } details.item dd pre { margin: 2px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 260px; overflow: auto;
  font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; } details.item dd pre + small { margin-top: 8px; } details.item dd small { color: var(--soft); font-size: 12.5px; }
td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 120px; } th.text { text-align: left; } .tall { max-height: 460px; overflow: auto; }
td small { color: var(--soft); }
@media (min-width: 861px) { .grid.two { grid-template-columns: repeat(2, 1fr); } .grid.two svg { max-width: 440px; } }
@media (max-width: 560px) { details.item dl { grid-template-columns: 1fr; gap: 2px; } details.item dt { margin-top: 8px; } }
)css";

const std::string_view kReportScript = R"js(
const tip = document.getElementById('tip');
for (const svg of document.querySelectorAll('svg[data-chart]')) {
  const chart = JSON.parse(svg.dataset.chart), hair = svg.querySelector('.hair');
  const nearest = (points, x) => points.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a);
  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect(), unit = svg.viewBox.baseVal.width / box.width;
    const at = Math.min(chart.right, Math.max(chart.left, (event.clientX - box.left) * unit));
    const x = chart.low + (at - chart.left) / (chart.right - chart.left) * (chart.high - chart.low);
    const lines = chart.lines.filter(line => line.points.length);
    if (!lines.length) return;
    const step = nearest(lines.map(line => nearest(line.points, x)), x)[0];
    const place = chart.left + (chart.high > chart.low ? (step - chart.low) / (chart.high - chart.low) : .5) * (chart.right - chart.left);
    for (const [name, value] of [['x1', place], ['x2', place], ['y1', chart.top], ['y2', chart.bottom]]) hair.setAttribute(name, value);
    hair.removeAttribute('hidden');
    tip.replaceChildren('step ' + step);
    for (const line of lines) {
      const row = document.createElement('div'), swatch = document.createElement('i');
      swatch.style.background = 'var(--c' + line.color + ')';
      row.append(swatch, line.label + '  ' + nearest(line.points, step)[1]);
      tip.append(row);
    }
    tip.hidden = false;
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + 'px';
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + 'px';
  });
  svg.addEventListener('pointerleave', () => { tip.hidden = true; hair.setAttribute('hidden', ''); });
}
)js";

}  // namespace longbow::tools
