/*
 * kv/generate_keys.c: key pairs and certificates.
 *
 * crypto/ writes into room that is here, so that nothing can be raised while
 * libcrypto holds a key; what was written is then cut to size.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "base/options.h"
#include "base/refuse.h"
#include "crypto/alt_name.h"
#include "crypto/certificate.h"
#include "crypto/keypair.h"
#include "crypto/openssh.h"
#include "kv/common.h"
#include "kv/generate.h"

#define MAX_ALT_NAMES	100
#define DEFAULT_DAYS	90
#define MAX_DAYS		36500

/* ---- room to write in ---- */

typedef struct Halves
{
	SecretBuffer *room;
	PemText		private_half;
	PemText		public_half;
} Halves;

static Halves
make_room(Size private_room, Size public_room)
{
	Halves		halves = {.room = buffer_alloc(private_room)};

	halves.private_half = (PemText) {buffer_data(halves.room), private_room, 0};
	halves.public_half = (PemText) {palloc(public_room), public_room, 0};
	return halves;
}

static Generated
take(Halves *halves)
{
	Generated	made = {
		.plain = value_from_utf8(halves->private_half.data, halves->private_half.len),
		.public_half = pnstrdup(halves->public_half.data, halves->public_half.len),
		.ends_at = NEVER
	};

	buffer_free(halves->room);
	pfree(halves->public_half.data);
	return made;
}

/* One may grow tired of waiting for a large key. */
pg_noreturn static void
refuse_broken(void)
{
	CHECK_FOR_INTERRUPTS();
	refuse_crypto();
}

/* ---- keys ---- */

Generated
generate_ssh_ed25519(Jsonb *options)
{
	char	   *comment = "";
	Option		known[] = {{"comment", OPTION_TEXT, &comment}};
	Halves		halves;

	options_read(options, known, lengthof(known));
	if (comment[0] && !is_printable_line(comment, OPENSSH_COMMENT_MAX))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"comment\" must be up to %d printable characters of ASCII", OPENSSH_COMMENT_MAX));
	halves = make_room(OPENSSH_PRIVATE_ROOM, OPENSSH_PUBLIC_ROOM);
	if (openssh_generate(comment, &halves.private_half, &halves.public_half) != CRYPTO_OK)
		refuse_broken();
	return take(&halves);
}

static KeyAlgorithm
read_algorithm(const char *name)
{
	KeyAlgorithm algorithm;

	if (!key_algorithm_find(name, &algorithm))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("unknown algorithm"),
			   errhint("The algorithms are ed25519, ecdsa_p256 (or p256), rsa_2048, rsa_3072 (or rsa), rsa_4096."));
	return algorithm;
}

Generated
generate_keypair(Jsonb *options)
{
	char	   *algorithm = "ed25519";
	Option		known[] = {{"algorithm", OPTION_TEXT, &algorithm}};
	KeyAlgorithm chosen;
	Halves		halves;

	options_read(options, known, lengthof(known));
	chosen = read_algorithm(algorithm);
	halves = make_room(KEY_PEM_ROOM, KEY_PEM_ROOM);
	if (keypair_generate(chosen, &halves.private_half, &halves.public_half) != CRYPTO_OK)
		refuse_broken();
	return take(&halves);
}

/* ---- certificates ---- */

typedef struct CertificateOptions
{
	char	   *common_name;	/* NULL: the first of alt_names */
	List	   *alt_names;
	bool		has_alt_names;	/* else common_name, where it is one */
	int			days;
	char	   *algorithm;
	int			is_ca;
	char	   *ca;				/* NULL: it signs itself */
} CertificateOptions;

static CertificateOptions
read_certificate_options(Jsonb *options)
{
	List	   *const not_given = list_make1(NULL);
	CertificateOptions read = {.alt_names = not_given,.days = DEFAULT_DAYS,.algorithm = "ecdsa_p256"};
	Option		known[] = {
		{"common_name", OPTION_TEXT, &read.common_name}, {"alt_names", OPTION_TEXTS, &read.alt_names},
		{"days", OPTION_INT, &read.days}, {"algorithm", OPTION_TEXT, &read.algorithm},
		{"is_ca", OPTION_BOOL, &read.is_ca}, {"ca", OPTION_TEXT, &read.ca}
	};

	options_read(options, known, lengthof(known));
	read.has_alt_names = read.alt_names != not_given;
	if (!read.has_alt_names)
		read.alt_names = NIL;
	return read;
}

static void
read_alt_names(const CertificateOptions *options, CertificateRequest *request)
{
	AltName    *names = palloc(sizeof(AltName) * (Size) (list_length(options->alt_names) + 1));
	int			n = 0;
	ListCell   *cell;

	if (list_length(options->alt_names) > MAX_ALT_NAMES)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("there are more than %d alt_names", MAX_ALT_NAMES));
	foreach(cell, options->alt_names)
		if (!alt_name_parse(lfirst(cell), &names[n++]))
			REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
				   errmsg("number %d of alt_names is neither a DNS name nor an IP address", n),
				   errhint("A DNS name is up to %d characters: labels of A-Z a-z 0-9 - _, of which the first may be *.", DNS_NAME_MAX));
	if (!options->has_alt_names && !options->is_ca && alt_name_parse(options->common_name, &names[n]))
		n++;
	request->alt_names = names;
	request->nalt_names = n;
}

static const char *
find_common_name(const CertificateOptions *options)
{
	char	   *name = options->common_name;

	if (name == NULL && options->alt_names != NIL)
		name = linitial(options->alt_names);
	if (name == NULL || !is_printable_line(name, COMMON_NAME_MAX))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"common_name\" must be 1 to %d printable characters of ASCII", COMMON_NAME_MAX),
			   errhint("Where it is not given, the first of alt_names serves."));
	return name;
}

static CertificateRequest
make_request(const CertificateOptions *options)
{
	CertificateRequest request = {
		.algorithm = read_algorithm(options->algorithm),
		.common_name = find_common_name(options),
		.is_ca = options->is_ca,
		.days = options->days,
		.now = timestamptz_to_time_t(GetCurrentTimestamp())
	};

	if (options->days < 1 || options->days > MAX_DAYS)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("days must be between 1 and %d", MAX_DAYS));
	read_alt_names(options, &request);
	return request;
}

static void
check_certificate_result(CertificateResult result)
{
	switch (result)
	{
		case CERTIFICATE_OK:
			return;
		case CERTIFICATE_NOT_PEM:
			REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				   errmsg("the secret that \"ca\" names holds no key and certificate that belong together"),
				   errhint("It holds both in PEM, as secrets.generate() makes them by {\"is_ca\": true}."));
			break;
		case CERTIFICATE_NOT_CA:
			REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				   errmsg("the certificate in the secret that \"ca\" names must not sign this one"),
				   errhint("It needs basicConstraints CA:TRUE and keyUsage keyCertSign, and no pathlen:0 to make another CA."));
			break;
		case CERTIFICATE_CA_EXPIRED:
			REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				   errmsg("the certificate in the secret that \"ca\" names has expired, or is not valid yet"));
			break;
		case CERTIFICATE_BROKEN:
			refuse_broken();
	}
}

static Generated
issue(CertificateRequest *request, Plain *ca)
{
	Halves		halves;
	Generated	made;
	int64		until;

	if (ca)
	{
		request->ca = buffer_data(ca->bytes);
		request->ca_len = buffer_len(ca->bytes);
	}
	halves = make_room(certificate_room(request), certificate_room(request));
	check_certificate_result(certificate_generate(request, &halves.private_half, &halves.public_half, &until));
	made = take(&halves);
	made.ends_at = time_t_to_timestamptz((pg_time_t) until);
	return made;
}

Generated
generate_x509(Jsonb *options)
{
	CertificateOptions read = read_certificate_options(options);
	CertificateRequest request = make_request(&read);
	Plain		ca;
	Generated	made;

	if (read.ca == NULL)
		return issue(&request, NULL);
	ca = open_to_sign(read.ca);
	made = issue(&request, &ca);
	buffer_free(ca.bytes);
	return made;
}
