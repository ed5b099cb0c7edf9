# What is in a process's memory: as a core of it would have it, and what is found there.
package CoreTest;

use strict;
use warnings FATAL => 'all';
no warnings 'portable';	# addresses of more than 32 bits

use Errno;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use SecretsTest;

our @EXPORT = qw(ask_bound postmaster_of children_of command_of mappings_of memory_of pieces_of found_in copies_in random_text);

# As drivers ask: parsed, bound and executed at once, without a name.  The answer.
sub ask_bound
{
	my ($client, $sql, @values) = @_;
	my $message = \&SecretsTest::Client::message;
	my $bind = "\0\0" . pack('n n', 0, scalar @values) . join('', map { defined $_ ? pack('N/a', $_) : pack('N', 0xffffffff) } @values) . pack('n', 0);

	$client->write($message->('P', "\0$sql\0" . pack('n', 0)) . $message->('B', $bind) . $message->('D', "P\0")
		  . $message->('E', "\0" . pack('N', 0)) . $message->('S', ''));
	return $client->answer;
}

# ---- processes ----

sub postmaster_of { my ($node) = @_; return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0]; }

# Of the kernel's count, so that nobody is forgotten.
sub children_of
{
	my ($pid) = @_;
	my @children;

	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		# It may be gone by now.
		open my $file, '<', $stat or next;
		defined(my $line = <$file>) or next;
		my ($child, $parent) = $line =~ /^(\d+) \(.*\) \S (\d+) /s or next;
		push @children, $child if $parent == $pid;
	}
	return sort { $a <=> $b } @children;
}

# Without its "postgres: cluster_name: "; of a client's the first word.
sub command_of
{
	my ($pid) = @_;
	my $line = eval { slurp_file("/proc/$pid/cmdline") } || '';

	$line =~ s/\0.*//s;
	return $line =~ /^postgres: (?:\S+: )?(.*?)\s*$/ ? $1 : 'postmaster';
}

# ---- memory ----

# { start, size, mode, name, where, is_dumped } each.
sub mappings_of
{
	my ($pid) = @_;
	my @mappings;

	foreach my $entry (split /(?=^[0-9a-f]+-[0-9a-f]+ )/m, slurp_file("/proc/$pid/smaps"))
	{
		my ($start, $end, $mode, $name) = $entry =~ /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/m or next;
		my $is_dumped = $entry !~ /^VmFlags:.* dd\b/m;
		my $where =
		    !$is_dumped ? 'undumped'
		  : $mode =~ /s$/ ? 'shared'
		  : $name =~ /^\[(heap|stack)\]/ ? $1
		  : $name =~ m{^/} ? 'data'
		  : 'mapped';
		push @mappings,
		  {
			start => hex $start,
			size => hex($end) - hex($start),
			mode => $mode,
			name => $name,
			where => $where,
			is_dumped => $is_dumped
		  };
	}
	return @mappings;
}

# What a core has of it, and with everything => 1 what it leaves out, too: mappings with
# their bytes.  Left out are files' own pages, which hold what the files do.  Of a process
# that has ended, undef; where it may not be read, it dies.
sub memory_of
{
	my ($pid, %options) = @_;
	my (@memory, $file);

	if (!open $file, '<:raw', "/proc/$pid/mem")
	{
		return undef if $!{ENOENT} || $!{ESRCH};
		die "the memory of process $pid cannot be read: $! (kernel.yama.ptrace_scope must be 0)";
	}
	foreach my $mapping (mappings_of($pid))
	{
		my $bytes = '';

		next if $mapping->{mode} !~ /^r/ || $mapping->{name} =~ /^\[v/ || $mapping->{mode} !~ /w/ && $mapping->{name} =~ m{^/};
		next if !$mapping->{is_dumped} && !$options{everything};
		sysseek $file, $mapping->{start}, 0 or die $!;
		while (length $bytes < $mapping->{size})
		{
			sysread $file, $bytes, $mapping->{size} - length $bytes, length $bytes or last;
		}
		# Secret memory is no file's to read.
		die "cannot read all of $mapping->{name}" if length $bytes < $mapping->{size} && $mapping->{name} !~ /secretmem/;
		push @memory, { %$mapping, bytes => $bytes };
	}
	return \@memory;
}

# ---- looking ----

sub random_text { my ($length) = @_; return join '', map { ('a' .. 'z', 'A' .. 'Z', 0 .. 9)[ rand 62 ] } 1 .. $length; }

# A value in pieces of 16 bytes: of what was freed the beginning is written over first.
sub pieces_of
{
	my ($value) = @_;

	return ($value) if length $value < 32;
	return unpack '(a16)' . int(length($value) / 16), $value;
}

# Where which of the strings are: { string => { where => how often } }.
sub found_in
{
	my ($memory, @strings) = @_;
	my $any = join '|', map { quotemeta } @strings;
	my %found;

	foreach my $mapping (@$memory)
	{
		$found{$1}{ $mapping->{where} }++ while $mapping->{bytes} =~ /($any)/g;
	}
	return \%found;
}

# How many copies of a value there are: whole ones, as their pieces would make.
sub copies_in
{
	my ($memory, $value) = @_;
	my @pieces = pieces_of($value);
	my $found = found_in($memory, @pieces);
	my $sum = 0;

	$sum += $_ foreach map { values %$_ } values %$found;
	return $sum / @pieces;
}

1;
