"""What node is made to load first, for `mockgpt run --intercept`: few versions heed a proxy's variables.

It leads the connections to intercepted hosts to the server, whoever makes them: fetch, node-fetch, https.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path

_SOURCE = """\
const { hosts, plain, tls } = %s;
const net = require("node:net");
const { connect } = net.Socket.prototype;
const own = (host) => /^(localhost|127\\..*|::1)$/.test(host);

net.Socket.prototype.connect = function (...given) {
  const [options, done] = Array.isArray(given[0]) ? given[0] : net._normalizeArgs(given);
  const host = String(options.host ?? "localhost").toLowerCase();
  if (options.path || own(host)) return connect.apply(this, given);
  const server = { host: "127.0.0.1", port: plain };
  if (hosts.includes(host)) {
    const port = this.encrypted ? tls : plain;
    return connect.call(this, { ...options, ...server, port }, done);
  }
  const target = `${host}:${options.port}`; // the server refuses it, and remembers
  const refused = () => this.destroy(new Error(`mockgpt stands in for ${hosts}; found ${target}`));
  const asked = connect.call(new net.Socket(), server).on("error", () => {}).on("close", refused);
  this.connecting = true; // what is written meanwhile waits
  asked.resume().write(`CONNECT ${target} HTTP/1.1\\r\\n\\r\\n`);
  return this;
};
"""


def preload(folder: Path, hosts: Collection[str], plain: int, tls: int) -> dict[str, str]:
    """Write it to a folder; return the variable that makes node load it, besides what it does now.

    `plain` and `tls` are the ports where the hosts are stood in for.
    """
    file = folder / "intercept.cjs"
    values = json.dumps({"hosts": list(hosts), "plain": plain, "tls": tls})
    file.write_text(_SOURCE % values, "utf-8")
    before = os.environ.get("NODE_OPTIONS", "")
    return {"NODE_OPTIONS": f"{before} --require {json.dumps(str(file))}".strip()}
