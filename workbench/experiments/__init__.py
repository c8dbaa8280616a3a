"""Whether it helps: trainings before and after, rankings of models, selection, robust training, simulation."""
