\set a random(1, :accounts)
\set b 1 + (:a + random(0, :accounts - 2)) % :accounts
SELECT bench_transfer(s.id, t.id, 1, s.user_id, md5(random()::text) || md5(clock_timestamp()::text))
FROM bench_accounts s, bench_accounts t WHERE s.n = :a AND t.n = :b;
