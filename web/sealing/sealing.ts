/** Starts the sealing page; built into one file, which the vault serves and pins by its hash. */
import { SealingPage } from "./page.ts";

void new SealingPage().begin();
