-- Reads requests from a file and sends them in random order. Each request has five lines: method, path, token,
-- "key" or an empty line, body.
local requests = {}
local prefix = ""
local sent = 0

function init(args)
  math.randomseed(os.time())
  prefix = string.format("%x-%x-", os.time(), math.random(2 ^ 30))
  local file = io.open(args[1])
  while true do
    local method = file:read("*line")
    if not method then break end
    requests[#requests + 1] = {
      method = method, path = file:read("*line"), token = file:read("*line"),
      key = file:read("*line"), body = file:read("*line"),
    }
  end
  file:close()
end

function request()
  local r = requests[math.random(#requests)]
  local headers = { ["Content-Type"] = "application/json" }
  if r.token ~= "" then headers["Authorization"] = "Bearer " .. r.token end
  if r.key ~= "" then
    sent = sent + 1
    headers["Idempotency-Key"] = prefix .. sent
  end
  return wrk.format(r.method, r.path, headers, r.body ~= "" and r.body or nil)
end

function done(summary, latency)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read
    + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    'RESULT {"rate": %f, "p50": %f, "p99": %f, "errors": %d, "count": %d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors, summary.requests))
end
