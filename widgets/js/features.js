/** The features of the view in the order in which they are added. To add one, write a module and list it here. */
import { auditFeature } from "./audit.js";
import { compareFeature } from "./compare.js";
import { epochsFeature } from "./epochs.js";
import { evidenceFeature } from "./evidence.js";
import { exportFeature } from "./exporter.js";
import { gridFeature } from "./grid.js";
import { helpFeature } from "./help.js";
import { lightboxFeature } from "./lightbox.js";
import { lookFeature } from "./look.js";
import { lifelineFeature } from "./lifeline.js";
import { newsFeature } from "./news.js";
import { pageFeature } from "./page.js";
import { peopleFeature } from "./people.js";
import { reviewFeature } from "./review.js";
import { rowTableFeature } from "./rowtable.js";
import { setsFeature } from "./sets.js";
import { soundFeature } from "./sound.js";
import { trailsFeature } from "./trails.js";
import { viewHistoryFeature } from "./viewhistory.js";
import { viewsFeature } from "./views.js";

export const FEATURES = [
  pageFeature,
  newsFeature,
  lookFeature,
  viewHistoryFeature,
  viewsFeature,
  epochsFeature,
  trailsFeature,
  evidenceFeature,
  setsFeature,
  peopleFeature,
  compareFeature,
  auditFeature,
  exportFeature,
  helpFeature,
  reviewFeature,
  soundFeature,
  rowTableFeature,
  gridFeature,
  lightboxFeature,
  lifelineFeature,
];
