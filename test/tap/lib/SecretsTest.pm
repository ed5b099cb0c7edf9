# What the suites share: servers with a root key, refusals with their SQLSTATE,
# sessions that stay open, and the search for bytes that must not be there.
package SecretsTest;

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use Fcntl;
use File::Find;
use IO::Select ();
use IO::Socket::UNIX ();
use IPC::Run ();
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

our @EXPORT = qw(
  soak new_key write_key root_id new_node set_root_key configure
  run_sql refused refused_note value status state_is log_since wait_for
  forms_of files_with full_disk open_session open_client answer_of send_all receive_all follows numbers kill_and_recover
);

# The long forms of the suites.
sub soak { return ($ENV{SECRETS_SOAK} || 0) ? 1 : 0; }

# ---- root keys ----

sub new_key
{
	open my $random, '<:raw', '/dev/urandom' or die "no random bytes: $!";
	sysread($random, my $key, 32) == 32 or die 'too few random bytes';
	return $key;
}

# As an administrator would: hex digits, a line end, and nobody else's business.
sub write_key
{
	my ($path, $key, $mode) = @_;

	unlink $path;
	sysopen(my $file, $path, O_WRONLY | O_CREAT | O_EXCL, 0600) or die "$path: $!";
	print $file unpack('H*', $key), "\n";
	close $file;
	chmod $mode, $path if defined $mode;
	return $path;
}

sub root_id { return unpack('H*', substr(hmac_sha256('secrets/root-id/v1', $_[0]), 0, 8)); }

# Every form in which a key could turn up in a file.
sub forms_of
{
	my ($key) = @_;
	my $hex = unpack('H*', $key);
	my $base64 = encode_base64($key, '');

	(my $unpadded = $base64) =~ s/=+$//;
	(my $url = $unpadded) =~ tr{+/}{-_};
	return ($key, $hex, uc $hex, $unpadded, $url);
}

# Names of the files under a directory (or the file) in which one of the strings is.
sub files_with
{
	my ($where, @strings) = @_;
	my @found;

	find(
		{
			no_chdir => 1,
			wanted => sub {
				return unless -f $_;
				open my $file, '<:raw', $_ or return;
				local $/;
				my $bytes = <$file>;
				push @found, $_ if defined $bytes && grep { index($bytes, $_) >= 0 } @strings;
			}
		},
		$where);
	return @found;
}

# ---- servers ----

# A server with the extension's library loaded and a root key beside (not in) its
# data directory.  Options: key, conf, extension => 0, start => 0, what init() takes.
sub new_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my %init = map { $_ => $options{$_} } grep { exists $options{$_} } qw(allows_streaming extra);

	$node->init(%init);
	$node->{root_key} = $options{key} || new_key();
	$node->{root_path} = $node->basedir . '/root.key';
	write_key($node->{root_path}, $node->{root_key});
	$node->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = 'secrets'
secrets.root_key = 'file:$node->{root_path}'
secrets.literals = allow
log_statement = none
END
	$node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
	return $node if defined $options{start} && !$options{start};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION secrets')
	  unless defined $options{extension} && !$options{extension};
	return $node;
}

# Appended: the last line of a setting wins.
sub configure
{
	my ($node, $lines, $how) = @_;

	$node->append_conf('postgresql.conf', "\n$lines");
	$node->$how if $how;
	return;
}

sub set_root_key
{
	my ($node, $place, $how) = @_;

	configure($node, "secrets.root_key = '$place'", $how);
	if ($how && $how eq 'reload')
	{
		# The postmaster passes it on when it comes to it: wait until a new session sees it.
		wait_for(sub { value($node, 'SHOW secrets.root_key') eq $place }, 'reload of secrets.root_key');
	}
	return;
}

# ---- questions ----

# { out, err, state, rc }: state is the first error's SQLSTATE, '' for none.
sub run_sql
{
	my ($node, $sql, %options) = @_;
	my ($out, $err) = ('', '');
	my $rc = eval {
		$node->psql(
			$options{db} || 'postgres', $sql,
			stdout => \$out, stderr => \$err,
			on_error_stop => exists $options{stop} ? $options{stop} : 1,
			extra_params => [ '-v', 'VERBOSITY=verbose', @{ $options{params} || [] } ]);
	};
	# A psql that was not let in may be gone before it has been told what to ask.
	die $@ if !defined $rc && $@ !~ /Broken pipe/;
	$rc = 2 if !defined $rc;

	my ($state) = $err =~ /(?:ERROR|FATAL):  (\w{5}):/;
	return { out => $out, err => $err, rc => $rc, state => defined $state ? $state : '' };
}

# The statement fails with that SQLSTATE and (message, detail or hint) that text.
sub refused
{
	my ($node, $sql, $state, $pattern, $name, %options) = @_;
	my $result = run_sql($node, $sql, %options);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($result->{state} eq $state && $result->{err} =~ $pattern, "$name: $state")
	  || diag("wanted $state and $pattern, got: $result->{out} $result->{err}");
}

sub value
{
	my ($node, $sql, $db) = @_;

	return $node->safe_psql($db || 'postgres', $sql);
}

sub status
{
	my ($node, $db) = @_;
	my $row = value($node,
		q{SELECT state, coalesce(why, ''), coalesce(root_key_source, ''), coalesce(root_key_id, ''),
			coalesce(master_key_version, 0), secrets, coalesce(rekey_remaining, 0) FROM secrets.status()}, $db);
	my %status;

	@status{qw(state why source id master secrets remaining)} = split /\|/, $row, -1;
	return \%status;
}

sub state_is
{
	my ($node, $state, $why, $name) = @_;
	my $status = status($node);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($status->{state} eq $state && $status->{why} =~ $why, $name)
	  || diag("state $status->{state}, why: $status->{why}");
}

# What the server has logged since; *$offset moves on.
sub log_since
{
	my ($node, $offset) = @_;

	return slurp_file($node->logfile, $offset || 0);
}

sub wait_for
{
	my ($condition, $what, $seconds) = @_;
	my $end = Time::HiRes::time() + ($seconds || 180);

	while (!$condition->())
	{
		die "waited in vain for: $what" if Time::HiRes::time() > $end;
		Time::HiRes::usleep(20_000);
	}
	return 1;
}

# kill -9 of one of the server's processes.  Until the server has noticed it lets others in, only to throw them out.
sub kill_and_recover
{
	my ($node, $pid) = @_;
	my $offset = -s $node->logfile;

	kill 'KILL', $pid or die "kill $pid: $!";
	wait_for(sub { log_since($node, $offset) =~ /all server processes terminated; reinitializing/ }, 'the crash');
	return wait_for(sub { run_sql($node, 'SELECT 1')->{out} eq '1' }, 'recovery');
}

# Numbers of /proc/PID/status, in kB.
sub numbers
{
	my ($pid) = @_;
	my %numbers;

	open my $file, '<', "/proc/$pid/status" or return {};
	while (my $line = <$file>) { $numbers{$1} = $2 if $line =~ /^(\w+):\s+(\d+)/; }
	return \%numbers;
}

# ---- a session that stays open ----

sub open_session
{
	my ($node, $db, @params) = @_;
	my $self = bless { in => '', out => '', err => '', n => 0 }, 'SecretsTest::Session';

	$self->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr($db || 'postgres'), '-v', 'VERBOSITY=verbose', '-f', '-', @params ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default || 180));
	return $self;
}

# ---- a client that speaks the protocol itself ----

# psql 15 binds no parameters, and cannot send before it has read the last answer,
# which a race needs.  Options: user, db.
sub open_client
{
	my ($node, %options) = @_;
	my $self = bless { buffer => '', open => 0 }, 'SecretsTest::Client';

	$self->{socket} = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "cannot connect: $!";
	my $startup = pack('N', 3 << 16)
	  . join('', map { "$_\0" } 'user', $options{user} || 'postgres', 'database', $options{db} || 'postgres', 'client_encoding', 'UTF8', '');
	$self->write(pack('N', 4 + length $startup) . $startup);
	my $answer = $self->answer;
	die "cannot connect: $answer->{err}" if $answer->{state} ne '';
	return $self;
}

# ---- a disk that is full when we say so ----

# A real full disk needs a file system of one's own, and so root.  Here the
# server's calls that make a file longer fail with ENOSPC while a flag file is
# there: by a few lines of C that are loaded in front of the C library.
# undef: there is no compiler.
sub full_disk
{
	my ($node) = @_;
	my $shim = $node->basedir . '/full.so';

	open my $source, '>', "$shim.c" or die $!;
	print $source <<'END';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int
is_full(int fd, off_t end)
{
	const char *flag = getenv("FULL_FLAG");
	struct stat st;

	return flag && access(flag, F_OK) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && end > st.st_size;
}

#define NEXT(type, name, ...) (*(type (*) (__VA_ARGS__)) dlsym(RTLD_NEXT, name))

static ssize_t
total(const struct iovec *v, int n)
{
	ssize_t		sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

#define PWRITE(f) \
ssize_t f(int fd, const void *p, size_t n, off_t at) \
{ \
	if (is_full(fd, at + n)) { errno = ENOSPC; return -1; } \
	return NEXT(ssize_t, #f, int, const void *, size_t, off_t)(fd, p, n, at); \
}
#define PWRITEV(f) \
ssize_t f(int fd, const struct iovec *v, int n, off_t at) \
{ \
	if (is_full(fd, at + total(v, n))) { errno = ENOSPC; return -1; } \
	return NEXT(ssize_t, #f, int, const struct iovec *, int, off_t)(fd, v, n, at); \
}
#define FALLOCATE(f) \
int f(int fd, off_t at, off_t n) \
{ \
	if (is_full(fd, at + n)) return ENOSPC; \
	return NEXT(int, #f, int, off_t, off_t)(fd, at, n); \
}
PWRITE(pwrite) PWRITE(pwrite64) PWRITEV(pwritev) PWRITEV(pwritev64) FALLOCATE(posix_fallocate) FALLOCATE(posix_fallocate64)
END
	close $source;
	# Without _FILE_OFFSET_BITS on purpose: the names with and without 64 are told apart by hand.
	my $cc = $ENV{CC} || 'cc';
	return undef if system("$cc -w -shared -fPIC -o $shim $shim.c -ldl >/dev/null 2>&1") != 0;
	return bless { node => $node, shim => $shim, flag => $node->basedir . '/full' }, 'SecretsTest::Disk';
}

# ---- those who read while others change what they may ----

# A reader: { name, client, send: what it asks, given the client }.

sub send_all { my ($readers) = @_; $_->{send}->($_->{client}) foreach @$readers; return; }
sub answer_of { my ($answer) = @_; return $answer->{state} || $answer->{out}; }

# What each was told last.
sub receive_all { my ($readers) = @_; return map { answer_of(($_->{client}->answers)[-1]) } @$readers; }

# Takes steps of [what to commit, whether one may then], over and over; the readers
# are busy while it commits, and asked again when it has.  They are to be told
# 'value', or that they may not.
sub follows
{
	my ($readers, $changer, $what, $rounds, @steps) = @_;
	my (%stale, $asked);

	foreach my $step ((@steps) x $rounds)
	{
		my ($sql, $may) = @$step;

		send_all($readers);
		$changer->value($_) foreach (ref $sql ? @$sql : $sql);
		receive_all($readers);
		send_all($readers);
		my @told = receive_all($readers);
		foreach my $i (0 .. $#told)
		{
			$asked++;
			$stale{"$readers->[$i]{name}: $told[$i] after $sql"}++ if $told[$i] ne ($may ? 'value' : '42501');
		}
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply(\%stale, {}, "$what: no stale answer in $asked");
}

package SecretsTest::Disk;

sub start
{
	my ($self) = @_;
	local $ENV{LD_PRELOAD} = $self->{shim};
	local $ENV{FULL_FLAG} = $self->{flag};

	return $self->{node}->start;
}

sub full { my ($self) = @_; PostgreSQL::Test::Utils::append_to_file($self->{flag}, 'x'); return; }
sub free { my ($self) = @_; unlink $self->{flag}; return; }

package SecretsTest::Session;

# Sent, and not waited for.
sub send
{
	my ($self, $sql) = @_;

	$self->{n}++;
	$self->{in} .= "$sql\n;\\echo done:$self->{n}:\n\\warn done:$self->{n}:\n";
	$self->{run}->pump_nb;
	return;
}

# The answer to all that was sent: { out, err, state }.
sub answer
{
	my ($self) = @_;
	my $mark = qr/done:$self->{n}:\n/;

	until ($self->{out} =~ $mark && $self->{err} =~ $mark)
	{
		last unless $self->{run}->pumpable;
		eval { $self->{run}->pump; 1 } or last;
	}
	my ($out, $err) = ($self->{out}, $self->{err});
	$self->{out} = $self->{err} = '';
	s/done:\d+:\n//g for $out, $err;
	chomp $out;
	my ($state) = $err =~ /(?:ERROR|FATAL):  (\w{5}):/;
	return { out => $out, err => $err, state => defined $state ? $state : '' };
}

sub ask { my ($self, $sql) = @_; $self->send($sql); return $self->answer; }
sub value { my ($self, $sql) = @_; return $self->ask($sql)->{out}; }

sub close
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	eval { $self->{run}->finish };
	return;
}

package SecretsTest::Client;

sub write
{
	my ($self, $bytes) = @_;

	$self->{open}++;
	# Where the server has gone, the answer says so.
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $n = syswrite $self->{socket}, $bytes or return;
		substr($bytes, 0, $n) = '';
	}
	return;
}

sub message { my ($type, $body) = @_; return $type . pack('N', 4 + length $body) . $body; }

# Sent, and not waited for: a query, or the execution of what was prepared.
sub send { my ($self, $sql) = @_; return $self->write(message('Q', "$sql\0")); }

sub start
{
	my ($self, $name, @values) = @_;
	my $bind = "\0$name\0" . pack('n n', 0, scalar @values) . join('', map { defined $_ ? pack('N/a', $_) : pack('N', 0xffffffff) } @values) . pack('n', 0);

	return $self->write(message('B', $bind) . message('E', "\0" . pack('N', 0)) . message('S', ''));
}

sub get_message
{
	my ($self) = @_;
	my $need = 5;

	for (;;)
	{
		if (length $self->{buffer} >= $need)
		{
			my ($type, $length) = unpack 'a N', $self->{buffer};
			$need = 1 + $length;
			if (length $self->{buffer} >= $need)
			{
				my $message = substr $self->{buffer}, 0, $need, '';
				return ($type, substr $message, 5);
			}
		}
		IO::Select->new($self->{socket})->can_read(120) or die 'waited in vain for an answer';
		sysread($self->{socket}, $self->{buffer}, 65536, length $self->{buffer}) or return ('', '');
	}
}

sub fields { return { map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $_[0] }; }

sub row
{
	my ($n, $rest) = unpack 'n a*', $_[0];
	my @values;

	while ($n-- > 0)
	{
		my $length = unpack 'l>', substr $rest, 0, 4, '';
		push @values, $length < 0 ? '' : substr $rest, 0, $length, '';
	}
	return join '|', @values;
}

# The answer to the first of what was sent and not answered: { out, err, state, notices }.
sub answer
{
	my ($self) = @_;
	my %answer = (out => '', err => '', state => '', notices => '');
	my @rows;

	while (1)
	{
		my ($type, $body) = $self->get_message;

		last if $type eq 'Z';
		push @rows, row($body) if $type eq 'D';
		$self->{pid} = unpack 'N', $body if $type eq 'K';
		my $fields = $type =~ /^[EN]$/ ? fields($body) : {};
		my $text = join("\n", grep { defined } @$fields{qw(M D H W)});
		$answer{notices} .= "$fields->{S}:  $fields->{C}: $text\n" if $type eq 'N';
		@answer{qw(state err)} = ($fields->{C}, $text) if $type eq 'E';
		if ($type eq '')
		{
			$answer{state} ||= '08006';
			$answer{err} .= ' (the connection is lost)';
			last;
		}
	}
	$self->{open}--;
	$answer{out} = join "\n", @rows;
	return \%answer;
}

# Answers to all that was sent.
sub answers { my ($self) = @_; return map { $self->answer } 1 .. $self->{open}; }

sub ask { my ($self, $sql) = @_; $self->send($sql); return $self->answer; }

# Dies of an error: for what must succeed.
sub value
{
	my ($self, $sql) = @_;
	my $answer = $self->ask($sql);

	die "$sql: $answer->{state} $answer->{err}" if $answer->{state} ne '';
	return $answer->{out};
}

sub prepare
{
	my ($self, $name, $sql) = @_;

	$self->write(message('P', "$name\0$sql\0" . pack('n', 0)) . message('S', ''));
	my $answer = $self->answer;
	die "$sql: $answer->{state} $answer->{err}" if $answer->{state} ne '';
	return $self;
}

sub run { my ($self, @call) = @_; $self->start(@call); return $self->answer; }
sub close { my ($self) = @_; CORE::close $self->{socket}; return; }

1;
