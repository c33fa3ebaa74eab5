-- What wrk sends: seed A's confirmation, each with a receipt code of its own. And what it says afterwards:
-- one line that the bench reads.
--
--     wrk --threads 1 ... --script confirmation.lua URL -- UKL
--
-- The codes begin with these three letters, which no other run has. One thread, or codes would repeat.

local head, tail
local sent = 0

function init(arguments)
    head = '{"TransactionType":"Pay Bill","TransID":"' .. arguments[1]
    tail = '","TransTime":"20261121080000","TransAmount":"500.00","BusinessShortCode":"123456",'
        .. '"BillRefNumber":"account123","InvoiceNumber":"","MSISDN":"254708374149",'
        .. '"FirstName":"John","MiddleName":"Doe","LastName":"Customer"}'
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    sent = sent + 1
    return wrk.format("POST", nil, nil, head .. string.format("%07d", sent) .. tail)
end

function done(summary, latency)
    local wrong = summary.errors
    io.write(string.format(
        "done: answers=%d refused=%d broken=%d took_us=%d p50_us=%d p99_us=%d\n",
        summary.requests, wrong.status, wrong.connect + wrong.read + wrong.write + wrong.timeout,
        summary.duration, latency:percentile(50), latency:percentile(99)))
end
