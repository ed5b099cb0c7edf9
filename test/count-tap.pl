# Runs TAP tests as prove does, and counts them.
#
#	perl count-tap.pl DIRECTORY_OF_POSTGRESQL::TEST FILE...
#
# TAP_JOBS (2) of them run at a time.  Ends with "tap: N passed, N failed".  A
# file that skips all of itself, dies or
# does not keep to its plan has failed.
use strict;
use warnings FATAL => 'all';

use TAP::Harness;

my ($library, @files) = @ARGV;
# They wait more than they work.
my $harness = TAP::Harness->new({ jobs => $ENV{TAP_JOBS} || 2, lib => [$library], timer => 1, failures => 1, color => 0 });
my $result = $harness->runtests(@files);
my $failed = $result->failed;

foreach my $parser ($result->parsers)
{
	$failed++ if $parser->parse_errors || (!$parser->failed && ($parser->exit || $parser->wait));
	$failed++, print "a suite that cannot run has failed: ", $parser->skip_all, "\n" if $parser->skip_all;
}
$failed = 1 if !$failed && !$result->all_passed;
printf "tap: %d passed, %d failed\n", scalar $result->passed, $failed;
exit($failed > 0 ? 1 : 0);
