-- For bench/generator.ts: sends the requests of a file, one after another and again from the first, and prints what it
-- measured as one line of JSON. In the file a zero byte ends each request.
local requests = {}
local last = 0

function init(args)
  local file = assert(io.open(args[1], 'rb'))
  for text in file:read('*a'):gmatch('(.-)%z') do
    requests[#requests + 1] = text
  end
  file:close()
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  print(
    string.format(
      '{"answered":%d,"failed":%d,"micros":%d,"p50":%.3f,"p99":%.3f}',
      summary.requests - errors.status,
      errors.status + errors.connect + errors.read + errors.write + errors.timeout,
      summary.duration,
      latency:percentile(50) / 1000,
      latency:percentile(99) / 1000
    )
  )
end
