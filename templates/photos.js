window.MICROSCOPE_PHOTOS = [{% for one in photos %}[{{ one.picture | script }},{{ one.words | script }}]{{ "," if not loop.last }}{% endfor %}];
