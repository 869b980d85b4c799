-- For wrk: pages of a list at random, so that hardly two requests at a time are for the same. Arguments: the list's
-- target with its parameters, and the number of pages.
local threads = 0
local list, pages

function setup(thread)
    threads = threads + 1
    thread:set("number", threads)
end

function init(arguments)
    list, pages = arguments[1], tonumber(arguments[2])
    math.randomseed(os.time() * 100 + number)
end

function request()
    return wrk.format("GET", list .. "&page=" .. math.random(pages))
end
