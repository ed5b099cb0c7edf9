# What the clock does to schedules: nights in which clocks are changed, and a
# server whose own time jumps.  Its clock is libfaketime's.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
ok($library, 'libfaketime is installed (Debian: faketime)') or die;

my $node = new_node('clock');
value($node, q{SELECT secrets.put('a', 'x')});

# The server's time goes on from there.
sub start_at
{
	my ($time) = @_;

	$node->stop;
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{FAKETIME} = "\@$time";
	local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;
	local $ENV{TZ} = 'UTC';
	$node->start;
	my $now = value($node, q{SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')});
	is($now, substr($time, 0, 16), "the server believes that it is $time");
}

sub next_is
{
	my ($schedule, $zone, $want, $why) = @_;
	my $sql = sprintf q{SELECT to_char(secrets.schedule_rotation('a', '%s', options => '{"timezone": "%s"}') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')}, $schedule, $zone;

	is(value($node, $sql), $want, "$zone, $schedule: $why");
}

start_at('2024-03-30 12:00:00');
next_is('30 2 * * *', 'Europe/Berlin', '2024-03-31 01:00', 'half past two is left out: when it has been');
next_is('30 1 * * *', 'Europe/Berlin', '2024-03-31 00:30', 'half past one is there');
next_is('0 3 * * *', 'Europe/Berlin', '2024-03-31 01:00', 'three comes right after it');
next_is('30 2 * * *', 'UTC', '2024-03-31 02:30', 'no clock is changed');
next_is('1 day', 'Europe/Berlin', '2024-03-31 11:00', 'a day of 23 hours');
next_is('24 hours', 'Europe/Berlin', '2024-03-31 12:00', 'hours are hours');

start_at('2024-10-26 12:00:00');
next_is('30 2 * * *', 'Europe/Berlin', '2024-10-27 00:30', 'half past two comes twice: the first time');
start_at('2024-10-27 00:40:00');
next_is('30 2 * * *', 'Europe/Berlin', '2024-10-28 01:30', 'and not the second');

start_at('2011-12-29 11:00:00');
next_is('0 0 30 12 *', 'Pacific/Apia', '2011-12-30 10:00', 'a whole day is left out');
start_at('2096-03-01 00:00:00');
next_is('0 0 29 2 *', 'UTC', '2104-02-29 00:00', 'eight years without one');

# ---- the server's clock ----

sub version { return value($node, q{SELECT secrets.current_version('a')}); }
sub tick { return value($node, 'CALL secrets.tick()'); }

# Years in the future by mistake, and back again: it is not waited for that long.
start_at('2030-01-01 00:00:00');
value($node, q{SELECT secrets.schedule_rotation('a', '1 day')});
my $before = version();
start_at('2026-01-01 00:00:00');
tick();
is(version(), $before, 'set back: nothing is due');
is(value($node, q{SELECT to_char(next_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM secrets.rotations}), '2026-01-02', 'but the time is counted again');

# Down for a month: made up, once.
start_at('2026-02-01 00:00:00');
tick();
tick();
is(version(), $before + 1, 'what was missed is made up, once');
is(value($node, q{SELECT to_char(next_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM secrets.rotations}), '2026-02-02', 'and counted from then');

# With a window, what was missed waits for the next.
value($node, q{SELECT secrets.schedule_rotation('a', '0 3 * * *', options => '{"window": "2 hours"}')});
start_at('2026-02-05 12:00:00');
tick();
is(version(), $before + 1, 'behind its window: not now');
is(value($node, q{SELECT to_char(next_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM secrets.rotations}), '2026-02-06 03:00', 'but the next time');
start_at('2026-02-06 04:59:00');
tick();
is(version(), $before + 2, 'inside its window');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
