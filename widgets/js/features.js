/** The features of the view in the order in which they are added. To add one, write a module and list it here. */
import { auditFeature } from "./review/audit.js";
import { compareFeature } from "./maps/compare.js";
import { epochsFeature } from "./maps/epochs.js";
import { evidenceFeature } from "./filters/evidence.js";
import { exportFeature } from "./review/exporter.js";
import { formsFeature } from "./filters/forms.js";
import { gridFeature } from "./examples/grid.js";
import { helpFeature } from "./help.js";
import { lightboxFeature } from "./examples/lightbox.js";
import { lookFeature } from "./state/look.js";
import { lifelineFeature } from "./state/lifeline.js";
import { newsFeature } from "./state/news.js";
import { objectMapFeature } from "./maps/objectmap.js";
import { pageFeature } from "./page.js";
import { peopleFeature } from "./review/people.js";
import { replaceFeature } from "./review/replacer.js";
import { reviewFeature } from "./review/review.js";
import { rowTableFeature } from "./filters/rowtable.js";
import { setsFeature } from "./filters/sets.js";
import { soundFeature } from "./examples/sound.js";
import { trailsFeature } from "./maps/trails.js";
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
  formsFeature,
  peopleFeature,
  compareFeature,
  auditFeature,
  exportFeature,
  replaceFeature,
  helpFeature,
  reviewFeature,
  soundFeature,
  rowTableFeature,
  gridFeature,
  lightboxFeature,
  objectMapFeature,
  lifelineFeature,
];
