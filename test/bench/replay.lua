-- Sends requests made beforehand, in order, from the file that the argument names, beginning at its byte offset.
function init(args)
  file = assert(io.open(args[1], "rb"))
  file:seek("set", tonumber(args[2] or "0"))
end

function request()
  local length = file:read(8)
  if length == nil then
    wrk.thread:stop()
    return "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
  end
  return file:read(tonumber(length))
end

function setup(thread)
  wrk.thread = thread
end

function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
