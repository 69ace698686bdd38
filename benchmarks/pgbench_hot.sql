\set a random(2, :accounts)
SELECT bench_transfer(s.id, t.id, 1, s.user_id, md5(random()::text) || md5(clock_timestamp()::text))
FROM bench_accounts s, bench_accounts t WHERE s.n = :a AND t.n = 1;
