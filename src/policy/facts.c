/*
 * policy/facts.c: what is to be known of one rule.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "base/peer.h"
#include "policy/rule.h"
#include "store/name.h"

bool
rule_is_public(const Rule *rule)
{
	return rule->grantee_tag[0] == '\0';
}

/*
 * The tag decides.  Where it is nowhere in the cluster, and a restore may
 * still be under way, the name may: as it will in policy_settle().
 */
static Oid
find_role(const Rule *rule)
{
	Oid			role = role_of_tag(rule->grantee_tag, rule->grantee_oid);

	if (!OidIsValid(role) && !policy_is_settled())
		role = grantee_role(rule->grantee_tag);
	return role;
}

Oid
rule_role(Rule *rule)
{
	uint64		now = role_generation() + rule_generation();

	if (rule_is_public(rule))
		return InvalidOid;
	if (rule->role_known_at != now)
	{
		rule->role = find_role(rule);
		rule->role_known_at = now;
	}
	return rule->role;
}

bool
rule_is_unbound(Rule *rule)
{
	return !rule_is_public(rule) && !OidIsValid(rule_role(rule));
}

bool
rule_concerns(Rule *rule, Oid role)
{
	Oid			grantee;

	if (rule_is_public(rule))
		return true;
	grantee = rule_role(rule);
	return OidIsValid(grantee) && role_has_privileges_of(role, grantee);
}

char *
rule_grantee_name(Rule *rule)
{
	char	   *name = NULL;

	if (!rule_is_public(rule) && OidIsValid(rule_role(rule)))
		name = GetUserNameFromId(rule_role(rule), true);
	return name ? name : rule->grantee;
}

bool
rule_is_in_force(const Rule *rule, TimestampTz now)
{
	return rule->valid_from <= now && now < rule->valid_until;
}

const char *
rule_state(Rule *rule)
{
	TimestampTz now = GetCurrentTimestamp();

	if (rule_is_unbound(rule))
		return "unbound";
	if (rule->valid_until <= now)
		return "expired";
	return rule->valid_from > now ? "future" : "active";
}

static bool
network_holds(const Rule *rule)
{
	const Peer *peer = peer_get();

	if (rule->network == NULL)
		return true;
	if (peer->address == NULL)
		return rule->deny;
	return DatumGetBool(DirectFunctionCall2(network_subeq, InetPGetDatum(peer->address), InetPGetDatum(rule->network)));
}

static bool
ssl_holds(const Rule *rule)
{
	const Peer *peer = peer_get();

	if (rule->ssl < 0)
		return true;
	if (peer->address == NULL)
		return rule->deny;
	return peer->ssl == (rule->ssl == 1);
}

bool
rule_conditions_hold(const Rule *rule)
{
	return network_holds(rule) && ssl_holds(rule);
}

bool
rule_network_contains(const Rule *rule, const inet *network)
{
	return network != NULL
		&& DatumGetBool(DirectFunctionCall2(network_supeq, InetPGetDatum(rule->network), InetPGetDatum(network)));
}

bool
rule_matches(const Rule *rule, const char *name)
{
	if (name == NULL)
		return strcmp(rule->pattern, "**") == 0;
	return pattern_matches(rule->pattern, strlen(rule->pattern), name, strlen(name));
}

char *
rule_id_text(const Rule *rule)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&rule->id)));
}
