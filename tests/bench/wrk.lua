-- wrk ... -s wrk.lua URL -- METHOD BODY [NAME VALUE]...
-- Sends that request and at the end writes one line: BENCH and JSON, the latencies as [microseconds, count].

function init(args)
  wrk.method = args[1]
  if args[2] ~= "" then
    wrk.body = args[2]
  end
  for i = 3, #args, 2 do
    wrk.headers[args[i]] = args[i + 1]
  end
end

function done(summary, latency, _)
  local errors, pairs_of = {}, {}
  for name, count in pairs(summary.errors) do
    errors[#errors + 1] = string.format('"%s":%d', name, count)
  end
  for i = 1, #latency do
    local value, count = latency(i)
    pairs_of[#pairs_of + 1] = string.format("[%d,%d]", value, count)
  end
  print(string.format(
    'BENCH {"microseconds":%d,"requests":%d,"errors":{%s},"latencies":[%s]}',
    summary.duration, summary.requests, table.concat(errors, ","), table.concat(pairs_of, ",")
  ))
end
