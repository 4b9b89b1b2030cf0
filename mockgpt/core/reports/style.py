"""How a report's page looks, and the policy that lets it load and run nothing else."""

import base64
from hashlib import sha256

STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; --dim: #59636e;
  --error: #b3202c; --warning: #7d5300; --good: #1a7f37; --mark: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #1b2129; --dim: #9aa4af;
    --error: #ff8a80; --warning: #e3b341; --good: #56d364; --mark: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; line-height: 1.5;
  font-family: system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { display: inline; font-size: 1.15rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; } p, ul, dl, figure { margin: .4rem 0; }
summary { cursor: pointer; padding: .25rem 0; }
.test { border-top: 2px solid var(--line); padding: .5rem 0; }
article { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .6rem; }
.counts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; }
.counts div { display: flex; flex-direction: column-reverse; }
.counts dd { font-size: 1.5rem; margin: 0; } .dim, .counts dt, figcaption { color: var(--dim); }
.error { color: var(--error); } .warning { color: var(--warning); } .good { color: var(--good); }
pre { background: var(--soft); font-size: .85rem; margin: .25rem 0; max-height: 30rem;
  overflow: auto; padding: .5rem; tab-size: 4; white-space: pre-wrap; }
svg { background: var(--soft); display: block; height: 1.5rem; width: 100%; }
svg path { fill: none; stroke: var(--mark); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
svg rect { fill: var(--warning); opacity: .35; }
svg .complete { stroke: var(--good); stroke-width: 5; }
svg .client_left { stroke: var(--warning); stroke-width: 5; }
svg .aborted { stroke: var(--error); stroke-width: 5; }
"""

# By its hash this style alone applies, so that nothing of a client's could bring one of its own.
_HASH = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
