/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: an upstream as one worker sees it: its endpoints and whose turn it is (weighted round
 * robin, smooth). Made for a policy version and dropped with it; the connections behind it are the
 * pools' and stay. */
#pragma once
#include "config/conf.h"
#include "upstream/pool.h"

struct cluster;
/* conf is borrowed for the cluster's life. 0, -ENOMEM, -EINVAL (a CIDR that does not parse). */
int cluster_new(
        const struct upstream_conf *conf, struct pools *pools, struct cluster **ret_cluster);
/* Claims of it must be done or cancelled; channels may live on. */
void cluster_free(struct cluster *c);
const struct upstream_conf *cluster_conf(const struct cluster *c);
/* Chooses an endpoint (claim->endpoint) and takes a channel to it, as pool_take. not: an endpoint
 * that failed just now and is passed over if there is another; may be NULL. */
int cluster_take(struct cluster *c, const struct endpoint_conf * not, struct claim *claim);
