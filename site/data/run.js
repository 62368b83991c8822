window.MICROSCOPE_RUN = null;
