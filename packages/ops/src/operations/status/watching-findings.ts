import { isUntold, toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import type { ClusterObservation } from './observe.ts';

/** Six scrapes: a target that is slow is not a Prometheus that stands still. */
const staleSeconds = 60;

/** Whoever watches is watched by nobody else: whether Prometheus scrapes, Alertmanager takes alerts, and somebody gets them. */
export function watchingFindings({ machines, cluster }: ClusterObservation): readonly Finding[] {
  return machines.flatMap(({ node: { name }, seen }) => {
    const watching = toldOf(seen?.watching);
    if (watching === null) return [];
    const { scrapeAgeSeconds, alertmanager, subscriptions } = watching;
    const found: Finding[] = [];
    if (isUntold(scrapeAgeSeconds) || scrapeAgeSeconds === null || scrapeAgeSeconds > staleSeconds) {
      const why = isUntold(scrapeAgeSeconds)
        ? `Prometheus on ${name} is not responding: ${scrapeAgeSeconds.error}`
        : scrapeAgeSeconds === null
          ? `Prometheus on ${name} has no reachable target`
          : `Prometheus on ${name} has scraped nothing for ${Math.round(scrapeAgeSeconds)} s`;
      found.push({ what: `no alert can fire: ${why}`, remedy: `check the log: journalctl -u prometheus (on ${name})` });
    }
    if (isUntold(alertmanager)) {
      found.push({
        what: `no alert is sent: Alertmanager on ${name} is not responding: ${alertmanager.error}`,
        remedy: `check the log: journalctl -u prometheus-alertmanager (on ${name})`,
        alert: 'NotificationsFailing',
      });
    }
    if (isUntold(subscriptions)) {
      found.push({
        what: `whether anyone is notified of alerts could not be determined: ${subscriptions.error}`,
        remedy: `the IAM role of ${name} needs sns:ListSubscriptionsByTopic on the alert topic: pgha deploy grants it`,
      });
    } else if (subscriptions !== null && subscriptions.pending > 0) {
      found.push({
        what: `${subscriptions.pending} of ${subscriptions.confirmed + subscriptions.pending} subscriptions to the alert topic are unconfirmed: alerts are not delivered to them`,
        remedy: `open the link in the message "AWS Notification - Subscription Confirmation" to ${cluster.alertEmail ?? 'the address'}; a link that expired (3 days) is sent again by "Request confirmation" in the SNS console`,
      });
    } else if (subscriptions !== null && subscriptions.confirmed === 0) {
      found.push({
        what: 'the alert topic has no subscription: alerts are delivered to no one',
        remedy: 'set alertEmail and run pgha deploy; then confirm the subscription from the mail',
      });
    }
    return found;
  });
}
