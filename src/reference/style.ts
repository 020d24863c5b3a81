// How the reference page looks. It is in the page itself, known by its hash: nothing is loaded beside it.

export const style = `
:root { color-scheme: light dark; --line: #8884; --quiet: #8881; --accent: #0b6e4f; --muted: #666; }
@media (prefers-color-scheme: dark) { :root { --accent: #57c59b; --muted: #aaa; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 19rem minmax(0, 60rem); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.25rem 1rem; border-right: 1px solid var(--line); font-size: 13px; }
nav strong { display: block; margin: 1rem 0 .25rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: flex; gap: .5em; padding: .1rem 0; color: inherit; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover, nav a:focus-visible { color: var(--accent); text-decoration: underline; }
main { padding: 1.25rem 2rem 6rem; }
h1 { margin: 0; font-size: 1.7rem; }
h2 { margin: 3rem 0 0; font-size: 1.3rem; border-bottom: 1px solid var(--line); }
section { margin: 2rem 0 0; scroll-margin-top: 1rem; }
h3 { margin: 0; font: 600 1rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
h4 { margin: 1rem 0 .25rem; font-size: .9rem; }
p { margin: .35rem 0; }
code, pre { font: 12.5px/1.5 ui-monospace, monospace; }
code { background: var(--quiet); padding: .05em .3em; border-radius: 3px; }
pre { margin: .25rem 0; padding: .7rem .9rem; background: var(--quiet); border-radius: 6px; overflow: auto; max-height: 32rem; }
pre code { background: none; padding: 0; }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--quiet); }
th { font-weight: 600; color: var(--muted); }
td:first-child { white-space: nowrap; }
summary { cursor: pointer; }
a { color: var(--accent); }
.method { color: var(--accent); font: 600 11px/1.9 ui-monospace, monospace; min-width: 3.6em; text-transform: uppercase; }
h3 .method { font-size: inherit; }
.muted { color: var(--muted); }
.scope { border: 1px solid var(--line); border-radius: 1em; padding: .05em .6em; font-size: 12px; }
@media (max-width: 60rem) { body { display: block; } nav { position: static; height: auto; border: 0; } main { padding: 1rem; } }
@media (max-width: 40rem) { table, tbody, tr, td { display: block; } tr:has(th) { display: none; } tr { padding: .4rem 0; border-bottom: 1px solid var(--quiet); } td { padding: 0; border: 0; } }
@media print { nav { display: none; } body { display: block; } pre { max-height: none; } }
`
