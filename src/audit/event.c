/*
 * audit/event.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "audit/bytes.h"
#include "audit/event.h"
#include "base/compat.h"
#include "crypto/codec.h"

static const char *const actions[] = {
	"read", "list", "write", "delete", "undelete", "rename", "destroy", "grant", "deny", "revoke", "rotate",
	"encrypt", "decrypt", "sign", "verify", "lease", "seal", "config"
};
static const char *const outcomes[] = {"allowed", "denied", "failed", "started"};
static const char *const vias[] = {"api", "direct", "scheduler"};

const char *
action_word(AuditAction action)
{
	return actions[action];
}

const char *
outcome_word(AuditOutcome outcome)
{
	return outcomes[outcome];
}

const char *
via_word(AuditVia via)
{
	return vias[via];
}

/* ---- rows ---- */

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column - 1] = text == NULL;
	if (text)
		values[column - 1] = CStringGetTextDatum(text);
}

static void
set_int8(Datum *values, bool *nulls, int column, int64 number)
{
	nulls[column - 1] = number == 0;
	values[column - 1] = Int64GetDatum(number);
}

static void
set_uuid(Datum *values, bool *nulls, int column, const pg_uuid_t *id, bool there)
{
	nulls[column - 1] = !there;
	values[column - 1] = UUIDPGetDatum(id);
}

/* The event must outlive the values: ids are not copied. */
void
event_encode(const AuditEvent *event, Datum *values, bool *nulls)
{
	memset(nulls, false, sizeof(bool) * EVENT_COLUMNS);
	values[EVENT_EVENT_ID - 1] = Int64GetDatum(event->event_id);
	values[EVENT_AT - 1] = TimestampTzGetDatum(event->at);
	set_int8(values, nulls, EVENT_BATCH, event->batch);
	set_int8(values, nulls, EVENT_TXID, event->txid);
	set_int8(values, nulls, EVENT_VERSION, event->version);
	set_uuid(values, nulls, EVENT_ID, &event->id, event->has_id);
	set_uuid(values, nulls, EVENT_RULE, &event->rule, event->has_rule);
	values[EVENT_PID - 1] = Int32GetDatum(event->pid);
	nulls[EVENT_KEY - 1] = event->key == 0;
	values[EVENT_KEY - 1] = Int32GetDatum(event->key);
	set_text(values, nulls, EVENT_ACTION, action_word(event->action));
	set_text(values, nulls, EVENT_OUTCOME, outcome_word(event->outcome));
	set_text(values, nulls, EVENT_VIA, via_word(event->via));
	set_text(values, nulls, EVENT_NAME, event->name);
	set_text(values, nulls, EVENT_LOGIN, event->login);
	set_text(values, nulls, EVENT_ROLE, event->role);
	set_text(values, nulls, EVENT_ACTOR, event->actor);
	nulls[EVENT_CLIENT_ADDR - 1] = event->client_addr == NULL;
	if (event->client_addr)
		values[EVENT_CLIENT_ADDR - 1] = DirectFunctionCall1(inet_in, CStringGetDatum(event->client_addr));
	set_text(values, nulls, EVENT_APPLICATION_NAME, event->application_name);
	set_text(values, nulls, EVENT_REASON, event->reason);
	nulls[EVENT_DETAIL - 1] = event->detail == NULL;
	if (event->detail)
		values[EVENT_DETAIL - 1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(event->detail));
	nulls[EVENT_MAC - 1] = true;
}

static int64
number_at(const AuditRow *row, int column)
{
	return row->nulls[column - 1] ? 0 : DatumGetInt64(row->values[column - 1]);
}

void
row_decode(HeapTuple tuple, TupleDesc desc, AuditRow *row)
{
	heap_deform_tuple(tuple, desc, row->values, row->nulls);
	row->event_id = number_at(row, EVENT_EVENT_ID);
	row->at = number_at(row, EVENT_AT);
	row->batch = number_at(row, EVENT_BATCH);
	row->txid = number_at(row, EVENT_TXID);
	row->key = row->nulls[EVENT_KEY - 1] ? 0 : DatumGetInt32(row->values[EVENT_KEY - 1]);
	row->name = row->nulls[EVENT_NAME - 1] ? NULL : TextDatumGetCString(row->values[EVENT_NAME - 1]);
	row->has_mac = false;
	if (!row->nulls[EVENT_MAC - 1])
	{
		bytea	   *mac = DatumGetByteaPP(row->values[EVENT_MAC - 1]);

		/* One of another length is as good as one that is wrong. */
		row->has_mac = true;
		memset(row->mac, 0, AUDIT_MAC_LEN);
		if (VARSIZE_ANY_EXHDR(mac) == AUDIT_MAC_LEN)
			memcpy(row->mac, VARDATA_ANY(mac), AUDIT_MAC_LEN);
	}
}

/* ---- bytes ---- */

static bool
is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	return true;
}

/*
 * As UTF-8; what a database of no encoding holds, as it is.  So is what cannot
 * be converted, a role's name made in another database perhaps: a line that
 * raised an error would stop the log.
 */
static const char *
to_utf8(const char *text, size_t *len)
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion;
	char	   *converted;
	size_t		room = *len * MAX_CONVERSION_GROWTH + 1;
	int			taken;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || is_ascii(text, *len))
		return text;
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion))
		return text;
	converted = palloc(room);
	taken = pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, (unsigned char *) unconstify(char *, text),
										  (int) *len, (unsigned char *) converted, (int) room, true);
	if (taken != (int) *len)
		return text;
	*len = strlen(converted);
	return converted;
}

static void
append_text(StringInfo out, const char *text, size_t len)
{
	const char *utf8 = to_utf8(text, &len);

	put_field(out, utf8, len);
}

/* Sessions come in runs: the same address again and again. */
static const char *
address_text(Datum value)
{
	static char last_text[64];
	static char last[sizeof(inet) + VARHDRSZ];
	static size_t last_len = 0;
	struct varlena *address = (struct varlena *) DatumGetPointer(value);
	size_t		len = VARSIZE_ANY(address);

	if (len != last_len || memcmp(last, address, len) != 0)
	{
		strlcpy(last_text, DatumGetCString(DirectFunctionCall1(inet_out, value)), sizeof(last_text));
		last_len = 0;
		if (len <= sizeof(last))
		{
			memcpy(last, address, len);
			last_len = len;
		}
	}
	return last_text;
}

static char *
detail_text(Datum value)
{
	Jsonb	   *detail = DatumGetJsonbP(value);

	return JsonbToCString(NULL, &detail->root, VARSIZE(detail));
}

static void
append_column(const AuditRow *row, int column, StringInfo out)
{
	Datum		value = row->values[column - 1];

	if (row->nulls[column - 1])
	{
		put_length(out, NULL_LENGTH);
		return;
	}
	switch (column)
	{
		case EVENT_EVENT_ID:
		case EVENT_AT:
		case EVENT_BATCH:
		case EVENT_TXID:
		case EVENT_VERSION:
			put_int8(out, DatumGetInt64(value));
			break;
		case EVENT_PID:
		case EVENT_KEY:
			put_int8(out, DatumGetInt32(value));
			break;
		case EVENT_ID:
		case EVENT_RULE:
			put_field(out, DatumGetUUIDP(value)->data, UUID_LEN);
			break;
		case EVENT_CLIENT_ADDR:
			{
				const char *address = address_text(value);

				put_field(out, address, strlen(address));
				break;
			}
		case EVENT_DETAIL:
			{
				char	   *json = detail_text(value);

				append_text(out, json, strlen(json));
				break;
			}
		default:
			{
				text	   *word = DatumGetTextPP(value);

				append_text(out, VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word));
			}
	}
}

void
row_append_bytes(const AuditRow *row, StringInfo out)
{
	put_bytes(out, "secrets/audit/event/v1", sizeof("secrets/audit/event/v1"));
	for (int column = 1; column < EVENT_MAC; column++)
		append_column(row, column, out);
}

/* ---- JSON ---- */

static const char *const names[EVENT_COLUMNS] = {
	"event_id", "at", "batch", "txid", "version", "id", "rule", "pid", "key", "action", "outcome", "via", "name",
	"login", "role", "actor", "client_addr", "application_name", "reason", "detail", "mac"
};

static void
append_json_text(StringInfo out, const char *text)
{
	size_t		len = strlen(text);
	const char *utf8 = to_utf8(text, &len);

	/* of the length that it has in UTF-8 */
	escape_json(out, pnstrdup(utf8, len));
}

static void
append_json_column(const AuditRow *row, int column, StringInfo out)
{
	Datum		value = row->values[column - 1];

	switch (column)
	{
		case EVENT_EVENT_ID:
		case EVENT_BATCH:
		case EVENT_TXID:
		case EVENT_VERSION:
			appendStringInfo(out, INT64_FORMAT, DatumGetInt64(value));
			break;
		case EVENT_AT:
			/* microseconds since 2000, for machines; the same for people follows */
			appendStringInfo(out, INT64_FORMAT ",\"time\":\"%s\"", DatumGetInt64(value),
							 audit_time(DatumGetTimestampTz(value)));
			break;
		case EVENT_PID:
		case EVENT_KEY:
			appendStringInfo(out, "%d", DatumGetInt32(value));
			break;
		case EVENT_ID:
		case EVENT_RULE:
			appendStringInfo(out, "\"%s\"", DatumGetCString(DirectFunctionCall1(uuid_out, value)));
			break;
		case EVENT_CLIENT_ADDR:
			appendStringInfo(out, "\"%s\"", address_text(value));
			break;
		case EVENT_DETAIL:
			{
				char	   *json = detail_text(value);
				size_t		len = strlen(json);
				const char *utf8 = to_utf8(json, &len);

				appendBinaryStringInfo(out, utf8, (int) len);
				/* what the bytes have, to the letter: who reads JSON may lose its spelling */
				appendStringInfoString(out, ",\"detail_text\":");
				escape_json(out, pnstrdup(utf8, len));
				break;
			}
		case EVENT_MAC:
			appendStringInfo(out, "\"%s\"", audit_hex(VARDATA_ANY(DatumGetByteaPP(value)),
													 VARSIZE_ANY_EXHDR(DatumGetByteaPP(value))));
			break;
		default:
			append_json_text(out, TextDatumGetCString(value));
	}
}

void
row_append_json(const AuditRow *row, StringInfo out)
{
	appendStringInfoString(out, "{\"type\":\"event\"");
	for (int column = 1; column <= EVENT_COLUMNS; column++)
		if (!row->nulls[column - 1])
		{
			appendStringInfo(out, ",\"%s\":", names[column - 1]);
			append_json_column(row, column, out);
		}
	appendStringInfoChar(out, '}');
}

void
event_append_json(const AuditEvent *event, StringInfo out)
{
	AuditRow	row;

	event_encode(event, row.values, row.nulls);
	row_append_json(&row, out);
}

char *
audit_hex(const void *bytes, size_t len)
{
	char	   *digits = palloc(2 * len + 1);

	codec_to_hex(bytes, len, digits);
	return digits;
}

/* ISO 8601, in UTC, whatever the session's settings are. */
char *
audit_time(TimestampTz at)
{
	char	   *out = palloc(MAXDATELEN + 2);

	if (TIMESTAMP_NOT_FINITE(at))
		return pstrdup(TIMESTAMP_IS_NOBEGIN(at) ? "-infinity" : "infinity");
	strlcpy(out, JsonEncodeDateTime(NULL, TimestampTzGetDatum(at), TIMESTAMPOID, NULL), MAXDATELEN);
	strcat(out, "Z");
	return out;
}
