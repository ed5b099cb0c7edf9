/*
 * audit/digest.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audit/bytes.h"
#include "audit/digest.h"
#include "base/compat.h"
#include "base/refuse.h"
#include "crypto/codec.h"

static const char *const words[] = {"open", "reads", "changes", "retention", "unknown"};

const char *
digest_word(DigestKind kind)
{
	return words[kind];
}

/* ---- rows ---- */

static int64
number_at(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? 0 : DatumGetInt64(values[column - 1]);
}

/* False: not of that length. */
static bool
take_bytes(const Datum *values, const bool *nulls, int column, uint8 *out, size_t len)
{
	bytea	   *bytes;

	if (nulls[column - 1])
		return false;
	bytes = DatumGetByteaPP(values[column - 1]);
	if (VARSIZE_ANY_EXHDR(bytes) != len)
		return false;
	memcpy(out, VARDATA_ANY(bytes), len);
	return true;
}

static bool
take_parents(Datum value, AuditDigest *digest)
{
	bytea	   *bytes = DatumGetByteaPCopy(value);

	digest->nparents = (int) (VARSIZE_ANY_EXHDR(bytes) / HASH_LEN);
	digest->parents = (uint8 *) VARDATA_ANY(bytes);
	return VARSIZE_ANY_EXHDR(bytes) % HASH_LEN == 0;
}

static bool
take_events(Datum value, AuditDigest *digest)
{
	ArrayType  *array = DatumGetArrayTypePCopy(value);

	if (ARR_HASNULL(array) || ARR_NDIM(array) > 1)
		return false;
	digest->nevents = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	digest->events = (int64 *) ARR_DATA_PTR(array);
	return true;
}

static DigestKind
find_kind(const char *word)
{
	int			kind = 0;

	while (kind < DIGEST_UNKNOWN && strcmp(word, words[kind]) != 0)
		kind++;
	return (DigestKind) kind;
}

void
digest_decode(HeapTuple tuple, TupleDesc desc, AuditDigest *digest)
{
	Datum		values[DIGEST_COLUMNS];
	bool		nulls[DIGEST_COLUMNS];
	bool		whole;

	heap_deform_tuple(tuple, desc, values, nulls);
	memset(digest, 0, sizeof(*digest));
	digest->kind = DIGEST_UNKNOWN;
	digest->snapshot = "";
	if (nulls[DIGEST_KIND_WORD - 1] || nulls[DIGEST_PARENTS - 1])
		return;					/* NOT NULL can be dropped */
	digest->number = number_at(values, nulls, DIGEST_NUMBER);
	digest->at = number_at(values, nulls, DIGEST_AT);
	digest->lines = number_at(values, nulls, DIGEST_LINES);
	digest->unsigned_lines = number_at(values, nulls, DIGEST_UNSIGNED_LINES);
	digest->system_id = number_at(values, nulls, DIGEST_SYSTEM_ID);
	digest->database = number_at(values, nulls, DIGEST_DATABASE);
	digest->timeline = DatumGetInt32(values[DIGEST_TIMELINE - 1]);
	digest->key = DatumGetInt32(values[DIGEST_KEY - 1]);
	digest->queue = number_at(values, nulls, DIGEST_QUEUE);
	digest->queue_at = number_at(values, nulls, DIGEST_QUEUE_AT);
	digest->through = number_at(values, nulls, DIGEST_THROUGH);
	digest->kind = find_kind(TextDatumGetCString(values[DIGEST_KIND_WORD - 1]));
	digest->snapshot = nulls[DIGEST_SNAPSHOT - 1] ? "" : TextDatumGetCString(values[DIGEST_SNAPSHOT - 1]);
	whole = take_bytes(values, nulls, DIGEST_HASH, digest->hash, HASH_LEN)
		&& take_bytes(values, nulls, DIGEST_HEAD, digest->head, HASH_LEN)
		&& take_bytes(values, nulls, DIGEST_MAC, digest->mac, AUDIT_MAC_LEN)
		&& take_parents(values[DIGEST_PARENTS - 1], digest)
		&& (nulls[DIGEST_EVENTS - 1] || take_events(values[DIGEST_EVENTS - 1], digest));
	if (!whole)
		digest->kind = DIGEST_UNKNOWN;
}

static Datum
bytes_datum(const void *bytes, size_t len)
{
	bytea	   *datum = palloc(VARHDRSZ + len);

	SET_VARSIZE(datum, VARHDRSZ + len);
	memcpy(VARDATA(datum), bytes, len);
	return PointerGetDatum(datum);
}

static Datum
events_datum(const AuditDigest *digest)
{
	Datum	   *ids = palloc(sizeof(Datum) * (Size) Max(digest->nevents, 1));

	for (int i = 0; i < digest->nevents; i++)
		ids[i] = Int64GetDatum(digest->events[i]);
	return PointerGetDatum(construct_array(ids, digest->nevents, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

void
digest_encode(const AuditDigest *digest, Datum *values, bool *nulls)
{
	memset(nulls, false, sizeof(bool) * DIGEST_COLUMNS);
	values[DIGEST_NUMBER - 1] = Int64GetDatum(digest->number);
	values[DIGEST_AT - 1] = TimestampTzGetDatum(digest->at);
	values[DIGEST_LINES - 1] = Int64GetDatum(digest->lines);
	values[DIGEST_UNSIGNED_LINES - 1] = Int64GetDatum(digest->unsigned_lines);
	values[DIGEST_SYSTEM_ID - 1] = Int64GetDatum(digest->system_id);
	values[DIGEST_DATABASE - 1] = Int64GetDatum(digest->database);
	values[DIGEST_TIMELINE - 1] = Int32GetDatum(digest->timeline);
	values[DIGEST_KEY - 1] = Int32GetDatum(digest->key);
	nulls[DIGEST_QUEUE - 1] = nulls[DIGEST_QUEUE_AT - 1] = digest->queue == 0;
	values[DIGEST_QUEUE - 1] = Int64GetDatum(digest->queue);
	values[DIGEST_QUEUE_AT - 1] = Int64GetDatum(digest->queue_at);
	nulls[DIGEST_THROUGH - 1] = digest->through == 0;
	values[DIGEST_THROUGH - 1] = Int64GetDatum(digest->through);
	values[DIGEST_KIND_WORD - 1] = CStringGetTextDatum(digest_word(digest->kind));
	values[DIGEST_HASH - 1] = bytes_datum(digest->hash, HASH_LEN);
	values[DIGEST_PARENTS - 1] = bytes_datum(digest->parents, HASH_LEN * (size_t) digest->nparents);
	nulls[DIGEST_EVENTS - 1] = digest->nevents == 0;
	values[DIGEST_EVENTS - 1] = events_datum(digest);
	nulls[DIGEST_SNAPSHOT - 1] = digest->snapshot == NULL || digest->snapshot[0] == '\0';
	values[DIGEST_SNAPSHOT - 1] = nulls[DIGEST_SNAPSHOT - 1] ? (Datum) 0 : CStringGetTextDatum(digest->snapshot);
	values[DIGEST_HEAD - 1] = bytes_datum(digest->head, HASH_LEN);
	values[DIGEST_MAC - 1] = bytes_datum(digest->mac, AUDIT_MAC_LEN);
}

/* ---- bytes ---- */

static void
append_events(StringInfo out, const AuditDigest *digest)
{
	uint64	   *big = palloc(sizeof(uint64) * (Size) Max(digest->nevents, 1));

	for (int i = 0; i < digest->nevents; i++)
		big[i] = pg_hton64((uint64) digest->events[i]);
	put_field(out, big, sizeof(uint64) * (size_t) digest->nevents);
	pfree(big);
}

void
digest_append_bytes(const AuditDigest *digest, StringInfo out)
{
	const char *snapshot = digest->snapshot ? digest->snapshot : "";

	put_bytes(out, "secrets/audit/digest/v1", sizeof("secrets/audit/digest/v1"));
	put_int8(out, digest->number);
	put_int8(out, digest->at);
	put_int8(out, digest->lines);
	put_int8(out, digest->unsigned_lines);
	put_int8(out, digest->system_id);
	put_int8(out, digest->database);
	put_int8(out, digest->timeline);
	put_int8(out, digest->key);
	put_int8(out, digest->queue);
	put_int8(out, digest->queue_at);
	put_int8(out, digest->through);
	put_field(out, digest_word(digest->kind), strlen(digest_word(digest->kind)));
	put_field(out, digest->hash, HASH_LEN);
	put_field(out, digest->parents, HASH_LEN * (size_t) digest->nparents);
	append_events(out, digest);
	put_field(out, snapshot, strlen(snapshot));
}

static void
append_json_hex(StringInfo out, const char *name, const uint8 *bytes, size_t len)
{
	appendStringInfo(out, ",\"%s\":\"%s\"", name, audit_hex(bytes, len));
}

void
digest_append_json(const AuditDigest *digest, StringInfo out)
{
	appendStringInfo(out, "{\"type\":\"digest\",\"number\":" INT64_FORMAT ",\"at\":" INT64_FORMAT ",\"time\":\"%s\","
					 "\"lines\":" INT64_FORMAT ",\"unsigned_lines\":" INT64_FORMAT ",\"system_id\":" INT64_FORMAT
					 ",\"database\":" INT64_FORMAT ",\"timeline\":%d,\"key\":%d,\"queue\":" INT64_FORMAT
					 ",\"queue_at\":" INT64_FORMAT ",\"through\":" INT64_FORMAT ",\"kind\":\"%s\"",
					 digest->number, digest->at, audit_time(digest->at), digest->lines, digest->unsigned_lines,
					 digest->system_id, digest->database, digest->timeline, digest->key, digest->queue,
					 digest->queue_at, digest->through, digest_word(digest->kind));
	append_json_hex(out, "hash", digest->hash, HASH_LEN);
	append_json_hex(out, "parents", digest->parents, HASH_LEN * (size_t) digest->nparents);
	appendStringInfoString(out, ",\"events\":[");
	for (int i = 0; i < digest->nevents; i++)
		appendStringInfo(out, i ? "," INT64_FORMAT : INT64_FORMAT, digest->events[i]);
	appendStringInfoString(out, "],\"snapshot\":");
	escape_json(out, digest->snapshot ? digest->snapshot : "");	/* somebody may have edited it */
	append_json_hex(out, "head", digest->head, HASH_LEN);
	append_json_hex(out, "mac", digest->mac, AUDIT_MAC_LEN);
	appendStringInfoChar(out, '}');
}

/* ---- hashes ---- */

Hash *
audit_hash(void)
{
	static Hash *hash = NULL;

	if (hash == NULL)
		hash = hash_new();
	if (hash == NULL)
		refuse_crypto();
	return hash;
}

static void
hash_bytes_of(const StringInfo bytes, uint8 out[HASH_LEN])
{
	Hash	   *hash = audit_hash();

	if (!hash_begin(hash) || !hash_add(hash, bytes->data, (size_t) bytes->len) || !hash_end(hash, out))
		refuse_crypto();
}

void
audit_leaf(const StringInfo bytes, uint8 leaf[HASH_LEN])
{
	hash_bytes_of(bytes, leaf);
}

void
audit_head_of(const AuditDigest *digest, uint8 head[HASH_LEN])
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	digest_append_bytes(digest, &bytes);
	hash_bytes_of(&bytes, head);
	pfree(bytes.data);
}

bool
audit_mac(const AuditKey *key, const uint8 hash[HASH_LEN], uint8 mac[AUDIT_MAC_LEN])
{
	uint8		whole[HASH_LEN];

	if (!keyring_mac(key, hash, HASH_LEN, whole))
		return false;
	memcpy(mac, whole, AUDIT_MAC_LEN);
	return true;
}

/* ---- the line to keep elsewhere ---- */

#define HEAD_WORD "secrets-head"

char *
head_line(const AuditDigest *digest)
{
	char		code[HASH_LEN * 2];

	base64url_encode(digest->head, HASH_LEN, code);
	code[base64url_len(HASH_LEN)] = '\0';
	return psprintf(HEAD_WORD ":" INT64_FORMAT ":%d:%s", digest->number, digest->timeline, code);
}

bool
head_parse(const char *line, int64 *number, int *timeline, uint8 head[HASH_LEN])
{
	int			at = 0;
	size_t		len;
	uint8		bytes[HASH_LEN + 4];

	if (sscanf(line, HEAD_WORD ":" INT64_FORMAT ":%d:%n", number, timeline, &at) != 2 || at == 0
		|| strlen(line + at) != base64url_len(HASH_LEN)
		|| !base64url_decode(line + at, base64url_len(HASH_LEN), bytes, &len) || len != HASH_LEN)
		return false;
	memcpy(head, bytes, HASH_LEN);
	return true;
}
