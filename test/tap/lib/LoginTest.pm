# Real logins: over TCP, by SCRAM, so that what PostgreSQL keeps of a password is what
# counts.  The client speaks the protocol itself: it is told the SQLSTATE of a refusal,
# and a login costs no process.
package LoginTest;

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(hmac_sha256 sha256);
use Exporter 'import';
use IO::Socket::INET ();
use MIME::Base64 qw(decode_base64 encode_base64);
use PostgreSQL::Test::Utils;
use SecretsTest;

our @EXPORT = qw(let_in_by_password log_in login_of logs_in make_due);

# Before the start: over TCP nobody gets in without a password, over the socket anybody.
sub let_in_by_password
{
	my ($node) = @_;

	configure($node, "listen_addresses = '127.0.0.1'\nmax_connections = 50\n");
	unlink $node->data_dir . '/pg_hba.conf';
	append_to_file($node->data_dir . '/pg_hba.conf', <<'END');
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
END
	return;
}

# ---- SCRAM-SHA-256, as in RFC 7677 ----

sub salted
{
	my ($password, $salt, $iterations) = @_;
	my $u = hmac_sha256($salt . pack('N', 1), $password);
	my $result = $u;

	foreach (2 .. $iterations)
	{
		$u = hmac_sha256($u, $password);
		$result ^= $u;
	}
	return $result;
}

# One message of the exchange; the answer's kind of authentication and its data.
sub exchange
{
	my ($client, $body) = @_;

	$client->write(SecretsTest::Client::message('p', $body));
	my ($type, $answer) = $client->get_message;
	return ($type, 0, $answer) if $type ne 'R';
	return ($type, unpack('N', $answer), substr($answer, 4));
}

# Returns what ended it, if it was refused: a message of the server.
sub prove
{
	my ($client, $password) = @_;
	my $first = 'n=,r=' . encode_base64(substr(new_key(), 0, 18), '');
	my ($type, $kind, $data) = exchange($client, "SCRAM-SHA-256\0" . pack('N/a', "n,,$first"));

	return ($type, $data) if $type ne 'R';
	my ($nonce, $salt, $iterations) = $data =~ /^r=([^,]+),s=([^,]+),i=(\d+)$/ or die "no SCRAM: $data";
	my $salted = salted($password, decode_base64($salt), $iterations);
	my $without_proof = "c=biws,r=$nonce";
	my $signed = "$first,$data,$without_proof";
	my $key = hmac_sha256('Client Key', $salted);
	my $proof = $key ^ hmac_sha256($signed, sha256($key));

	($type, $kind, $data) = exchange($client, "$without_proof,p=" . encode_base64($proof, ''));
	return ($type, $data) if $type ne 'R';
	# The server knows the verifier, or it is another.
	my $server = encode_base64(hmac_sha256($signed, hmac_sha256('Server Key', $salted)), '');
	die 'the server did not prove itself' if $data ne "v=$server";
	return ();
}

# ---- logins ----

# A client that is logged in; { state, err } has why not, if it is not.  Options: db.
sub log_in
{
	my ($node, $user, $password, %options) = @_;
	my $self = bless { buffer => '', open => 0, state => '', err => '' }, 'SecretsTest::Client';

	$self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $node->port, Proto => 'tcp')
	  or return bless { state => '08001', err => "$!" }, 'SecretsTest::Client';
	my $startup = pack('N', 3 << 16)
	  . join('', map { "$_\0" } 'user', $user, 'database', $options{db} || 'postgres', 'application_name', $options{application} || 'login', '');
	$self->write(pack('N', 4 + length $startup) . $startup);
	my ($type, $body) = $self->get_message;
	if ($type eq 'R')
	{
		# Whoever gets in without a proof shows nothing.
		die 'no SCRAM was asked for' if unpack('N', $body) != 10;
		($type, $body) = prove($self, $password);
		$type ||= '';
	}
	if ($type eq 'E' || $type eq '' && defined $body)
	{
		my $fields = SecretsTest::Client::fields($body);
		@$self{qw(state err)} = ($fields->{C} || '08006', $fields->{M} || 'the connection is lost');
		return $self;
	}
	$self->{open} = 1;
	my $answer = $self->answer;
	@$self{qw(state err)} = @$answer{qw(state err)};
	return $self;
}

# The SQLSTATE of the attempt, '' where it was let in.
sub logs_in
{
	my ($node, $user, $password, %options) = @_;
	my $client = log_in($node, $user, $password, %options);
	my $state = $client->{state};

	if ($state eq '')
	{
		my $is = $client->ask('SELECT current_user');
		$state = $is->{state} || ($is->{out} eq $user ? '' : "is $is->{out}");
	}
	$client->close if $client->{socket};
	return $state;
}

# As whom, and by what, one logs in: of a value that secrets.get() gave.  What is no
# JSON is the password of that role.
sub login_of
{
	my ($value, $role) = @_;
	my %of = $value =~ /^\{/ ? $value =~ /"(\w+)": *"((?:[^"\\]|\\.)*)"/g : (username => $role, password => $value);

	s/\\(.)/$1/g foreach values %of;
	return @of{qw(username password)};
}

# As if a rotation's time had come.
sub make_due
{
	my ($asker, $name) = @_;

	return $asker->ask("UPDATE secrets_catalog.rotation SET due_at = clock_timestamp(), next_at = clock_timestamp(), counted_at = clock_timestamp()
		WHERE secret_id = (SELECT id FROM secrets.secrets WHERE name = '$name')");
}

1;
