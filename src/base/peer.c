/*
 * base/peer.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "common/ip.h"
#include "libpq/pqcomm.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/peer.h"

static bool known = false;
static Peer peer;

static inet *
make_address(const SockAddr *from)
{
	char		host[NI_MAXHOST];
	MemoryContext before;
	inet	   *address;

	if (from->addr.ss_family != AF_INET && from->addr.ss_family != AF_INET6)
		return NULL;
	if (pg_getnameinfo_all(&from->addr, from->salen, host, sizeof(host), NULL, 0, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return NULL;
	clean_ipv6_addr(from->addr.ss_family, host);
	before = MemoryContextSwitchTo(TopMemoryContext);
	address = DatumGetInetPP(DirectFunctionCall1(inet_in, CStringGetDatum(host)));
	MemoryContextSwitchTo(before);
	return address;
}

static void
take(const PgBackendStatus *status)
{
	peer.address = make_address(&status->st_clientaddr);
	peer.ssl = status->st_ssl;
}

/* A parallel worker has no client of its own: its leader's entry in the table of backends knows. */
static void
ask_leader(int leader)
{
	int			n = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= n; i++)
	{
		LocalPgBackendStatus *local = pgstat_get_local_beentry_by_index(i);

		if (local && local->backendStatus.st_procpid == leader)
			take(&local->backendStatus);
	}
}

const Peer *
peer_get(void)
{
	if (!known && IsParallelWorker())
		ask_leader(MyProc->lockGroupLeader->pid);
	else if (!known && MyBEEntry)
		take(MyBEEntry);
	known = true;
	return &peer;
}
