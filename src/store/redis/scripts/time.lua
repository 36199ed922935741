-- SPDX-License-Identifier: Apache-2.0
-- The server's clock in seconds and microseconds: shared limits go by it, whatever the clocks of those who ask say.
return redis.call('TIME')
