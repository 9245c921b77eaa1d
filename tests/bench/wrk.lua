-- wrk ... -s wrk.lua URL -- MODE FILE METHOD BODY [NAME VALUE]...
-- {} in BODY and in the VALUEs stands for a line of FILE. MODE says which one:
--   same   none: there is no FILE
--   cycle  one after the other, over and over
--   once   each once; the last again if they run out, which the server then refuses
--   chain  the next one that is free; the refresh token of its answer takes its place
-- At the end one line: BENCH and JSON, the latencies as [microseconds, count].

local method, template, items, first, last, headers = nil, nil, {}, 1, 0, {}

local function made(item)
  local function put(text) return (text:gsub("{}", function() return item end)) end
  local own = {}
  for name, value in pairs(wrk.headers) do own[name] = value end
  for name, value in pairs(headers) do own[name] = put(value) end
  return wrk.format(method, nil, own, template ~= "" and put(template) or nil)
end

function init(args)
  local mode, file = args[1], args[2]
  method, template = args[3], args[4]
  for i = 5, #args, 2 do headers[args[i]] = args[i + 1] end
  if mode == "same" then
    local only = made("")
    request = function() return only end
    return
  end
  for line in io.lines(file) do
    last = last + 1
    items[last] = mode == "cycle" and made(line) or line
  end
  if mode == "cycle" then
    request = function()
      first = first % last + 1
      return items[first]
    end
  elseif mode == "once" then
    request = function()
      local item = items[math.min(first, last)]
      first = first + 1
      return made(item)
    end
  else
    request = function()
      local item = items[first] or "none"
      items[first] = nil
      first = first + 1
      return made(item)
    end
    response = function(status, _, body)
      last = last + 1
      items[last] = body:match('"refresh_token": ?"([^"]+)"') or "none"
    end
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
